// SPDX-License-Identifier: Apache-2.0
// Reading and writing.
#include <algorithm>
#include <array>
#include <new>

#include "platform/system_error.h"
#include "stream/stream_core.h"

namespace tornado::detail {
namespace {

constexpr int most_reads_in_a_turn = 16;
constexpr std::size_t direct_size = 4096;  // from here on bytes leave without a copy

}  // namespace

// Reading.

void StreamCore::start_read(ReadWait& wait) {
  if (reader_ && reader_ != &wait) {
    throw_error(std::make_error_code(std::errc::operation_in_progress), wait.act_);
  }
  if (filter_ && !filter_->started) start_handshake();
  reader_ = &wait;
  searched_ = 0;
}

bool StreamCore::try_read(ReadWait& wait) {
  for (int reads = 0;; ++reads) {
    if (grant(wait)) return true;
    if (tells_end()) {
      wait.state_ = StreamWait::State::failed;
      return true;
    }
    if (input_ended_) return false;
    if (in_.size() >= options_.max_buffer_size) {
      close(Errc::buffer_full);
    } else if (connecting_ || drained_) {
      return false;
    } else if (reads == most_reads_in_a_turn) {
      read_on_later();
      return false;
    } else if (!receive()) {
      return false;
    }
  }
}

bool StreamCore::receive() {
  std::span<std::byte> room = in_.room();
  const std::size_t most = options_.max_buffer_size - in_.size();
  if (room.size() > most) room = room.first(most);
  const Moved got = transport_->read(fileno(), room);
  const bool blocked = got.would_block();
  drained_ = filter_ ? blocked : got.bytes < room.size();
  in_.commit(got.bytes);
  if (held()) update_interest();
  if (blocked) return got.bytes > 0;
  if (got.bytes == 0 || got.error) end_input(got.error);
  return true;
}

void StreamCore::discard() {
  for (int reads = 0; fd_ && !input_ended_; ++reads) {
    in_.consume(in_.size());
    if (reads == most_reads_in_a_turn) return read_on_later();
    if (!receive() || drained_) return;
  }
}

bool StreamCore::grant(ReadWait& wait) {
  const ReadRequest& asked = wait.request_;
  const std::size_t there = in_.size();
  switch (asked.kind) {
    case ReadRequest::Kind::bytes:
      if (there < asked.bytes && !(asked.partial && there > 0)) return false;
      wait.granted_ = (std::min)(there, asked.bytes);
      break;
    case ReadRequest::Kind::until_close:
      if (!tells_end() || error_) return false;
      wait.granted_ = there;
      break;
    case ReadRequest::Kind::until:
    case ReadRequest::Kind::matching:
      return grant_until(wait, find_end(wait));
  }
  wait.state_ = StreamWait::State::granted;
  return true;
}

std::size_t StreamCore::find_end(ReadWait& wait) {
  ReadRequest& asked = wait.request_;
  const std::string_view there = in_.view();
  if (asked.kind == ReadRequest::Kind::matching) {
    return there.empty() ? there.npos : asked.matcher(there);
  }
  const std::size_t found = asked.delimiter.size() == 1
                                ? there.find(asked.delimiter.front(), searched_)
                                : there.find(asked.delimiter, searched_);
  if (found != there.npos) return found + asked.delimiter.size();
  // The beginning of the delimiter may be there.
  const std::size_t begun = asked.delimiter.size() - 1;
  searched_ = there.size() > begun ? there.size() - begun : 0;
  return there.npos;
}

bool StreamCore::grant_until(ReadWait& wait, std::size_t end) {
  const std::size_t most = wait.request_.max_bytes;
  const bool found = end <= in_.size();  // npos is more than any buffer has
  if (found && end <= most) {
    wait.granted_ = end;
    wait.state_ = StreamWait::State::granted;
    return true;
  }
  if (!found && in_.size() < most) return false;
  close(Errc::unsatisfiable_read);
  wait.state_ = StreamWait::State::failed;
  return true;
}

std::string_view StreamCore::take(std::size_t count) noexcept {
  const std::string_view bytes = in_.view().substr(0, count);
  in_.consume(count);
  if (discards_ || (on_close_ && in_.size() == 0)) update_interest_or_close();
  return bytes;
}

// What was written goes out before the descriptor is closed.
void StreamCore::end_input(std::error_code error) noexcept {
  input_ended_ = true;
  if (error) return close(error);
  if (options_.half_open) return;
  closing_ = true;
  send_queued();
}

// Writing.

std::uint64_t StreamCore::write(std::string_view bytes) {
  TaskScheduler& tasks = check("write");
  if (closed() || last_written_) throw StreamClosedError(error_);
  if (bytes.size() > options_.max_write_buffer_size - out_.size()) {
    throw StreamBufferFullError();
  }
  if (filter_ && !filter_->started) start_handshake();
  const bool may_send = !connecting_ && !full_;
  const Bytes all = std::as_bytes(std::span(bytes));
  const std::size_t done =
      may_send && all.size() >= direct_size ? send_with_queued(all) : 0;
  queue(all.subspan(done), done > 0);
  written_ += all.size();
  if (out_.size() == 0 || !may_send) return written_;
  if (full_) {
    update_interest_or_close();
  } else if (out_.size() >= options_.write_room) {
    send_queued();
  } else if (!linked()) {
    gathering_since_ = tasks.now();
    tasks.at_turn_end(*this);
  }
  return written_;
}

// A task that let the loop look in the middle of its input is about to write more.
void StreamCore::on_turn_end() noexcept {
  IOLoop* const loop = loop_.loop();
  if (loop && task_goes_on()) {
    TaskScheduler& tasks = TaskScheduler::of(*loop);
    if (tasks.now() - gathering_since_ <= 1) return tasks.at_turn_end(*this);
  }
  send_queued();
}

/// Whether a task has a result of this stream, and is ready to run.
bool StreamCore::task_goes_on() const noexcept {
  for (auto* link = waits_.next; link != &waits_; link = link->next) {
    const auto& wait = static_cast<const StreamWait&>(*link);
    if (wait.over && wait.state_ == StreamWait::State::granted && !wait.call_)
      return true;
  }
  return false;
}

/// In one call with what waits. The number of the new bytes that were sent.
std::size_t StreamCore::send_with_queued(Bytes bytes) noexcept {
  std::array<Bytes, most_pieces> pieces;
  const std::size_t count = out_.pieces(std::span(pieces).first(most_pieces - 1));
  const std::size_t queued = out_.size();
  pieces[count] = bytes;
  const std::size_t sent = send_now(std::span(pieces).first(count + 1));
  if (output_ended_) return bytes.size();  // there is nothing more to do for them
  out_.consume((std::min)(sent, queued));
  return sent > queued ? sent - queued : 0;
}

/// Half a write cannot be taken back: without memory for the rest the stream ends.
void StreamCore::queue(Bytes bytes, bool half_sent) {
  try {
    out_.append(bytes);
  } catch (const std::bad_alloc&) {
    if (half_sent) close(std::make_error_code(std::errc::not_enough_memory));
    throw;
  }
}

std::size_t StreamCore::send_now(std::span<const Bytes> pieces) noexcept {
  const Moved done = transport_->write(fileno(), pieces);
  std::size_t all = 0;
  for (const Bytes& piece : pieces) all += piece.size();
  full_ = done.bytes < all || done.would_block();  // the next call would only say so
  sent_ += done.bytes;
  if (done.error && !done.would_block()) end_output(done.error);
  return done.bytes;
}

void StreamCore::send_queued() noexcept {
  unlink();
  if (connecting_) return;
  while (unsent() && !full_ && !output_ended_) {
    std::array<Bytes, most_pieces> pieces;
    const std::size_t count = out_.pieces(pieces);
    out_.consume(send_now(std::span(pieces).first(count)));
  }
  if (closing_ && !unsent()) close_once_sent();
  settle_waits();
  update_interest_or_close();
}

// The connection is of no use any more. What has arrived is kept, and can be read.
void StreamCore::end_output(std::error_code error) noexcept {
  note(error);
  last_written_ = output_ended_ = true;
  out_.clear();
  try {
    while (fd_ && !input_ended_ && in_.size() < options_.max_buffer_size && receive()) {
    }
  } catch (const std::bad_alloc&) {
  }
  close(error);
}

bool StreamCore::try_sent(SentWait& wait) noexcept {
  if (sent_ > wait.target_ || (sent_ == wait.target_ && !held())) {
    wait.state_ = StreamWait::State::granted;
  } else if (!fd_ || output_ended_) {
    wait.state_ = StreamWait::State::failed;
  } else {
    return false;
  }
  return true;
}

std::error_code StreamCore::stop_sending() noexcept {
  last_written_ = output_ended_ = true;
  const std::error_code error = tornado::stop_sending(fileno());
  if (error != std::errc::not_a_socket) return error;
  close({});  // the end of output of a pipe
  return {};
}

}  // namespace tornado::detail
