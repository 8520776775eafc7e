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
constexpr std::size_t direct_size = 4096;   // from here on bytes leave without a copy
constexpr std::size_t pieces_at_once = 16;  // a MiB: more than most sockets take

}  // namespace

// Reading.

/// npos: there are too few bytes.
inline std::size_t StreamCore::find_end(ReadWait& wait) {
  const std::string_view there = in_.view();
  const std::size_t searched = in_.searched();
  if (wait.act_ == StreamAct::read_until_match) {
    return there.empty() ? there.npos : wait.end_->matcher(there);
  }
  const std::string_view delimiter = wait.delimiter();
  const std::size_t found = delimiter.size() == 1
                                ? there.find(delimiter.front(), searched)
                                : there.find(delimiter, searched);
  if (found != there.npos) return found + delimiter.size();
  // The beginning of the delimiter may be there.
  const std::size_t begun = delimiter.size() - 1;
  in_.set_searched(there.size() > begun ? there.size() - begun : 0);
  return there.npos;
}

inline bool StreamCore::grant_until(ReadWait& wait, std::size_t end) {
  const bool found = end <= in_.size();  // npos is more than any buffer has
  if (found && end <= wait.count_) {
    wait.count_ = end;
    wait.state_ = StreamWait::State::granted;
    return true;
  }
  if (!found && in_.size() < wait.count_) return false;
  close(Errc::unsatisfiable_read);
  wait.state_ = StreamWait::State::failed;
  return true;
}

inline bool StreamCore::grant(ReadWait& wait) {
  const std::size_t there = in_.size();
  switch (wait.act_) {
    case StreamAct::read_until:
    case StreamAct::read_until_match:
      return grant_until(wait, find_end(wait));
    case StreamAct::read_until_close:
      if (!tells_end() || error_) return false;
      wait.count_ = there;
      break;
    case StreamAct::read_some:
    case StreamAct::finish:
      if (there == 0 && wait.count_ > 0) return false;
      wait.count_ = (std::min)(there, wait.count_);
      break;
    default:
      if (there < wait.count_) return false;
  }
  wait.state_ = StreamWait::State::granted;
  return true;
}

inline void StreamCore::start_read(ReadWait& wait) {
  if (reader_ && reader_ != &wait) {
    throw_error(std::make_error_code(std::errc::operation_in_progress),
                name_of(wait.act_));
  }
  if (filtered_ && !filter().started) start_handshake();
  reader_ = &wait;
  ++reads_;
  wait.tied_ = true;
  in_.set_searched(0);
}

inline bool StreamCore::try_read(ReadWait& wait) {
  return grant(wait) || receive_for(wait);
}

void ReadWait::prepare() {
  StreamCore::of(*this).start_read(*this);
}

/// How many bytes the read takes of those that are there. npos: too few are there.
inline std::size_t StreamCore::count_at_once(const ReadWait& wait,
                                             std::string_view there) noexcept {
  if (wait.act_ != StreamAct::read_until) {
    return there.size() < wait.count_ ? there.npos : wait.count_;
  }
  const std::size_t found = there.find(wait.delimiter_.bytes[0]);
  return found < wait.count_ ? found + 1 : there.npos;
}

/// For a task of the loop, which runs.
inline bool StreamCore::take_at_once(ReadWait& wait) noexcept {
  if (!runs(*wait.frame) || !made_here()) return false;
  if (reader_ || tells_close_ || discards_ || ended_) return false;
  const std::string_view there = in_.view();
  const std::size_t count = count_at_once(wait, there);
  if (count > there.size()) return false;
  take_first(wait, there, count);
  return true;
}

bool ReadWait::take_at_once() noexcept {
  return stream_ && stream_->take_at_once(*this);
}

bool ReadWait::ready() {
  ReadWait::prepare();
  return stream_->try_read(*this);
}

bool ReadWait::try_now() noexcept {
  try {
    return stream_->try_read(*this);
  } catch (...) {
    fail_with(std::current_exception());
    return true;
  }
}

void ReadWait::take_granted() {
  if (stream_) stream_->end_read(*this);
  check_granted();
  stream_->take(*this);
}

void ReadWait::give_memory_back() noexcept {
  stream_->release_memory();
}

bool StreamCore::receive_for(ReadWait& wait) {
  if (wait.frame) wait.frame->scope->scheduler()->spend();
  for (int reads = 0;; ++reads) {
    if (reads > 0 && grant(wait)) return true;
    if (tells_end()) {
      wait.state_ = StreamWait::State::failed;
      return true;
    }
    if (input_ended_) return false;
    if (in_.size() >= limits().max_buffer_size) {
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
  const std::size_t most = limits().max_buffer_size - in_.size();
  if (room.size() > most) room = room.first(most);
  const Moved got = read(room);
  const bool blocked = got.would_block();
  drained_ = filtered_ ? blocked : got.bytes < room.size();
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

// What was written goes out before the descriptor is closed.
void StreamCore::end_input(std::error_code error) noexcept {
  input_ended_ = true;
  if (error) return close(error);
  if (half_open_) return;
  closing_ = true;
  send_queued();
}

// Writing.

void StreamCore::send(std::string_view bytes) {
  TaskScheduler& tasks = check("write");
  tasks.spend();
  if (closed() || last_written_) throw StreamClosedError(error_);
  if (bytes.size() > limits().max_write_buffer_size - queued()) {
    throw StreamBufferFullError();
  }
  if (filtered_ && !filter().started) start_handshake();
  gather_room_ = 0;
  const bool may_send = !connecting_ && !full_;
  const Bytes all = std::as_bytes(std::span(bytes));
  const std::size_t done =
      may_send && all.size() >= direct_size ? send_with_queued(all) : 0;
  queue(all.subspan(done), done > 0);
  written_ += all.size();
  if (held()) update_interest_or_close();
  if (queued() == 0 || !may_send) return;
  if (full_) {
    update_interest_or_close();
  } else if (queued() >= limits().write_room) {
    send_queued();
  } else {
    leave_together(tasks);
  }
}

void StreamCore::leave_together(TaskScheduler& tasks) noexcept {
  if (!output_->linked()) {
    output_->gathering_since = tasks.now();
    tasks.at_turn_end(*output_);
  }
  // What the filter holds counts only before the first byte was sent.
  if (filtered_ && sent_ == 0) return;
  const std::size_t most =
      (std::min)(limits().write_room, limits().max_write_buffer_size);
  const WriteQueue& out = output_->queue;
  const std::size_t room =
      (std::min)(most - (std::min)(most, out.size()), out.room_in_place());
  gather_room_ = static_cast<std::uint32_t>((std::min)(room, direct_size));
}

// A task that let the loop look in the middle of its input is about to write more.
void StreamCore::on_turn_end() noexcept {
  IOLoop* const loop = loop_.loop();
  if (loop && task_goes_on()) {
    TaskScheduler& tasks = TaskScheduler::of(*loop);
    if (tasks.now() - output_->gathering_since <= 1) {
      return tasks.at_turn_end(*output_);
    }
  }
  send_queued();
}

/// Whether a task has a result of this stream, and is ready to run.
bool StreamCore::task_goes_on() const noexcept {
  const auto goes_on = [](const StreamWait& wait) {
    return wait.over && wait.state_ == StreamWait::State::granted && wait.frame;
  };
  if (reader_ && goes_on(*reader_)) return true;
  for (auto* link = waits_.next; link != &waits_; link = link->next) {
    if (goes_on(static_cast<const QueuedWait&>(*link))) return true;
  }
  return false;
}

/// In one call with what waits. The number of the new bytes that were sent.
std::size_t StreamCore::send_with_queued(Bytes bytes) noexcept {
  std::array<Bytes, most_pieces> pieces;
  WriteQueue none;
  WriteQueue& out = output_ ? output_->queue : none;
  const std::size_t count = out.pieces(std::span(pieces).first(most_pieces - 1));
  const std::size_t queued = out.size();
  pieces[count] = bytes;
  const std::size_t sent = send_now(std::span(pieces).first(count + 1));
  if (output_ended_) return bytes.size();  // there is nothing more to do for them
  out.consume((std::min)(sent, queued));
  return sent > queued ? sent - queued : 0;
}

/// Half a write cannot be taken back: without memory for the rest the stream ends.
void StreamCore::queue(Bytes bytes, bool half_sent) {
  if (bytes.empty()) return;
  try {
    output().queue.append(bytes);
  } catch (const std::bad_alloc&) {
    if (half_sent) close(std::make_error_code(std::errc::not_enough_memory));
    throw;
  }
}

std::size_t StreamCore::send_now(std::span<const Bytes> pieces) noexcept {
  const Moved done = write(pieces);
  std::size_t all = 0;
  for (const Bytes& piece : pieces) all += piece.size();
  full_ = done.bytes < all || done.would_block();  // the next call would only say so
  sent_ += done.bytes;
  if (done.error && !done.would_block()) end_output(done.error);
  return done.bytes;
}

std::size_t StreamCore::send_some() noexcept {
  if (queued() > 0 && output_->queue.is_one_piece()) {
    const Bytes all = output_->queue.first_piece();
    return send_now({&all, 1});
  }
  std::array<Bytes, pieces_at_once> pieces;
  const std::size_t count = output_ ? output_->queue.pieces(pieces) : 0;
  return send_now(std::span(pieces).first(count));
}

void StreamCore::send_what_fits() noexcept {
  if (output_) output_->unlink();
  gather_room_ = 0;
  if (connecting_) return;
  while (unsent() && !full_ && !output_ended_) {
    const std::size_t sent = send_some();
    if (output_) output_->queue.consume(sent);  // a failure drops it
  }
  settle_output();
  if (closing_ && !unsent()) close_once_sent();
  settle_waits();
}

// The connection is of no use any more. What has arrived is kept, and can be read.
void StreamCore::end_output(std::error_code error) noexcept {
  note(error);
  last_written_ = output_ended_ = true;
  drop_queued();
  try {
    while (fd_ && !input_ended_ && in_.size() < limits().max_buffer_size && receive()) {
    }
  } catch (const std::bad_alloc&) {
  }
  close(error);
}

bool StreamCore::try_sent(SentWait& wait) noexcept {
  if (has_sent(wait.target_)) {
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
  gather_room_ = 0;
  const std::error_code error = tornado::stop_sending(fileno());
  if (error != std::errc::not_a_socket) return error;
  close({});  // the end of output of a pipe
  return {};
}

}  // namespace tornado::detail
