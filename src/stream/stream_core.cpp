// SPDX-License-Identifier: Apache-2.0
#include "stream/stream_core.h"

#include <algorithm>
#include <array>
#include <new>
#include <string>

#include "platform/system_error.h"
#include "stream/block_pool.h"

namespace tornado {
namespace {

class SocketTransport final : public StreamTransport {
 public:
  Moved read(NativeFd fd, std::span<std::byte> room) noexcept override {
    return receive_bytes(fd, room);
  }
  Moved write(NativeFd fd, std::span<const Bytes> pieces) noexcept override {
    return send_pieces(fd, pieces);
  }
};

}  // namespace

std::shared_ptr<StreamTransport> socket_transport() {
  static SocketTransport transport;
  return {std::shared_ptr<void>(), &transport};  // not owned
}

namespace detail {
namespace {

constexpr int most_reads_in_a_turn = 16;
constexpr std::size_t direct_size = 4096;  // from here on bytes leave without a copy
constexpr std::chrono::milliseconds connect_again{10};

}  // namespace

StreamCore::StreamCore(UniqueFd fd, IOLoop& loop,
                       std::shared_ptr<StreamTransport> transport,
                       const StreamOptions& options)
    : loop_(loop.handle()),
      fd_(std::move(fd)),
      transport_(std::move(transport)),
      options_(options) {}

StreamCore::~StreamCore() {
  end();
}

void StreamCore::end() noexcept {
  close({});
  reader_ = nullptr;
  while (waits_.linked()) {
    auto& wait = static_cast<StreamWait&>(*waits_.next);
    wait.core_ = nullptr;
    wait.unlink();
  }
}

IOLoop& StreamCore::check(std::string_view act) const {
  IOLoop& loop = loop_.open_loop(act);
  TaskScheduler::of(loop).check_thread(act);
  return loop;
}

// Connecting.

void StreamCore::connect(const SocketAddress& address) {
  check("connect");
  connecting_ = std::make_unique<Attempt>(Attempt{address, {}});
  retry_connect();
  update_interest_or_close();
}

// A Unix socket whose peer has no room for the connection says EAGAIN, and would be
// reported as writable at once.
void StreamCore::retry_connect() noexcept {
  const std::error_code error = begin_connect(fd(), connecting_->peer);
  if (error == std::errc::resource_unavailable_try_again &&
      connecting_->peer.family() == AddressFamily::local) {
    connect_later();
  } else if (error && error != std::errc::operation_in_progress) {
    close(error);
  } else if (!error) {
    connecting_.reset();
    send_queued();
    settle_waits();
  }
}

void StreamCore::connect_later() noexcept {
  IOLoop* const loop = loop_.loop();
  if (!loop) return;
  try {
    connecting_->again = loop->call_later(connect_again, [this] {
      connecting_->again.reset();
      retry_connect();
      update_interest_or_close();
    });
  } catch (const std::bad_alloc&) {
    close(std::make_error_code(std::errc::not_enough_memory));
  }
}

bool StreamCore::try_connect(ConnectWait& wait) noexcept {
  if (connecting_) return false;
  wait.state_ = fd_ ? StreamWait::State::granted : StreamWait::State::failed;
  return true;
}

void StreamCore::finish_connect() noexcept {
  connecting_.reset();
  if (const std::error_code error = end_connect(fd())) return close(error);
  send_queued();
  settle_waits();
}

// Reading.

void StreamCore::start_read(ReadWait& wait) {
  check(wait.act_);
  if (reader_ && reader_ != &wait) {
    throw_error(std::make_error_code(std::errc::operation_in_progress), wait.act_);
  }
  reader_ = &wait;
  searched_ = 0;
}

bool StreamCore::try_read(ReadWait& wait) {
  for (int reads = 0;; ++reads) {
    if (grant(wait)) return true;
    if (input_ended_ || !fd_) {
      wait.state_ = StreamWait::State::failed;
      return true;
    }
    if (in_.size() >= options_.max_buffer_size) {
      close(Errc::buffer_full);
    } else if (connecting_ || drained_ || reads == most_reads_in_a_turn || !receive()) {
      return false;
    }
  }
}

bool StreamCore::receive() {
  std::span<std::byte> room = in_.room();
  const std::size_t most = options_.max_buffer_size - in_.size();
  if (room.size() > most) room = room.first(most);
  const Moved got = transport_->read(fd(), room);
  drained_ = got.bytes < room.size();
  if (got.would_block()) return false;
  in_.commit(got.bytes);
  if (got.bytes == 0 || got.error) end_input(got.error);
  return true;
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
      if ((!input_ended_ && fd_) || error_) return false;
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
  const std::size_t found = there.find(asked.delimiter, searched_);
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
  IOLoop& loop = check("write");
  if (closed() || output_ended_) throw StreamClosedError(error_);
  if (bytes.size() > options_.max_write_buffer_size - out_.size()) {
    throw StreamBufferFullError();
  }
  const bool may_send = !connecting_ && !full_;
  const Bytes all = std::as_bytes(std::span(bytes));
  const std::size_t done =
      may_send && all.size() >= direct_size ? send_with_queued(all) : 0;
  queue(all.subspan(done), done > 0);
  written_ += all.size();
  if (out_.size() >= options_.write_room) {
    if (!connecting_ && !full_) send_queued();
  } else if (out_.size() > 0 && may_send) {
    TaskScheduler::of(loop).at_turn_end(*this);
  }
  return written_;
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
  const Moved done = transport_->write(fd(), pieces);
  std::size_t all = 0;
  for (const Bytes& piece : pieces) all += piece.size();
  full_ = done.bytes < all;  // the next call would only say so
  sent_ += done.bytes;
  if (done.error && !done.would_block()) end_output(done.error);
  return done.bytes;
}

void StreamCore::send_queued() noexcept {
  unlink();
  if (connecting_) return;
  while (out_.size() > 0 && !full_ && !output_ended_) {
    std::array<Bytes, most_pieces> pieces;
    const std::size_t count = out_.pieces(pieces);
    out_.consume(send_now(std::span(pieces).first(count)));
  }
  if (out_.size() == 0 && closing_) close_descriptor();
  settle_waits();
  update_interest_or_close();
}

// The connection is of no use any more. What has arrived is kept, and can be read.
void StreamCore::end_output(std::error_code error) noexcept {
  note(error);
  output_ended_ = true;
  out_.clear();
  try {
    while (fd_ && !input_ended_ && in_.size() < options_.max_buffer_size && receive()) {
    }
  } catch (const std::bad_alloc&) {
  }
  close(error);
}

bool StreamCore::try_sent(SentWait& wait) noexcept {
  if (sent_ >= wait.target_) {
    wait.state_ = StreamWait::State::granted;
  } else if (!fd_ || output_ended_) {
    wait.state_ = StreamWait::State::failed;
  } else {
    return false;
  }
  return true;
}

std::error_code StreamCore::stop_sending() noexcept {
  output_ended_ = true;
  return tornado::stop_sending(fd());
}

// Waits.

void StreamCore::watch() {
  if (out_.size() > 0 && !full_) send_queued();
  if (in_.size() < block_size) in_.settle();
  update_interest();
}

void StreamCore::complete(StreamWait& wait) noexcept {
  if (wait.timing_) {
    wait.timing_ = false;
    if (IOLoop* const loop = loop_.loop()) loop->remove_timeout(wait.timer_);
  }
  if (wait.begun_ && !wait.over) wait.resume();
}

/// Goes on with those whose time has come. None of them runs here.
void StreamCore::settle_waits() noexcept {
  for (auto* link = waits_.next; link != &waits_; link = link->next) {
    auto& wait = static_cast<StreamWait&>(*link);
    if (wait.state_ != StreamWait::State::waits || !wait.begun_) continue;
    // Nothing new has arrived for it while the descriptor is open.
    if (fd_ && &wait == reader_) continue;
    if (wait.try_now()) complete(wait);
  }
}

void StreamCore::forget(StreamWait& wait) noexcept {
  if (wait.timing_) {
    wait.timing_ = false;
    if (IOLoop* const loop = loop_.loop()) loop->remove_timeout(wait.timer_);
  }
  if (reader_ == &wait) reader_ = nullptr;
  wait.unlink();
  update_interest_or_close();
}

void StreamCore::on_timeout(StreamWait& wait) noexcept {
  wait.timing_ = false;
  if (wait.state_ != StreamWait::State::waits) return;
  wait.state_ = StreamWait::State::timed_out;
  if (reader_ == &wait) {
    reader_ = nullptr;
    update_interest_or_close();
  } else {
    close(std::make_error_code(std::errc::timed_out));
  }
  wait.resume();
}

// Events.

void StreamCore::on_events(Events events) noexcept {
  try {
    if (connecting_) {
      finish_connect();
    } else {
      if (has(events, Events::read | Events::error)) on_readable();
      if (fd_ && has(events, Events::write | Events::error)) {
        full_ = false;
        send_queued();
      }
    }
    if (fd_) update_interest();
  } catch (const std::bad_alloc&) {
    close(std::make_error_code(std::errc::not_enough_memory));
  } catch (const std::system_error& error) {
    close(error.code());
  }
}

void StreamCore::on_readable() {
  drained_ = false;
  if (reader_ && reader_->state_ == StreamWait::State::waits) {
    if (try_read(*reader_)) {
      complete(*reader_);
    } else {
      in_.settle();
    }
  } else if (on_close_ && in_.size() == 0 && !input_ended_) {
    receive();  // to notice the end
  } else {
    interest_ = interest_ & ~Events::read;  // what nobody asks for is not told again
    loop_.loop()->update_handler(fd(), interest_);
  }
}

void StreamCore::update_interest_or_close() noexcept {
  try {
    if (fd_) update_interest();
  } catch (const std::bad_alloc&) {
    close(std::make_error_code(std::errc::not_enough_memory));
  } catch (const std::system_error& error) {
    close(error.code());
  }
}

void StreamCore::update_interest() {
  IOLoop* const loop = loop_.loop();
  if (!loop || !fd_) return;
  Events wanted = Events::none;
  if (connecting_) {
    if (!connecting_->again) wanted = Events::write;
  } else {
    // Once asked for, it stays until an event finds no reader: most are followed by
    // another read.
    const bool waits =
        reader_ && reader_->begun_ && reader_->state_ == StreamWait::State::waits;
    const bool listens = on_close_ && in_.size() == 0;
    if (waits || listens || has(interest_, Events::read)) wanted |= Events::read;
    if (input_ended_) wanted &= ~Events::read;
    if (out_.size() > 0 && full_) wanted |= Events::write;
  }
  if (wanted == interest_) return;
  if (registered_) {
    loop->update_handler(fd(), wanted);
  } else {
    loop->add_handler(
        fd(), [this](NativeFd, Events events) { on_events(events); }, wanted);
    registered_ = true;
  }
  interest_ = wanted;
}

// Closing.

void StreamCore::note(std::error_code error) noexcept {
  if (!error_) error_ = error;
}

void StreamCore::close(std::error_code error) noexcept {
  if (!fd_) return;
  closing_ = true;
  note(error);
  // A forked child has a copy of what its parent sends.
  if (!error && epoch_ == fork_epoch()) send_queued();
  close_descriptor();
  settle_waits();
}

void StreamCore::close_descriptor() noexcept {
  if (!fd_) return;
  unlink();
  out_.clear();
  transport_->close();
  IOLoop* const loop = loop_.loop();
  if (loop && registered_) loop->remove_handler(fd());
  if (loop && connecting_ && connecting_->again) {
    loop->remove_timeout(*connecting_->again);
  }
  registered_ = false;
  connecting_.reset();
  fd_.reset();
  if (!on_close_) return;
  if (loop) (void)loop->add_callback(std::move(on_close_));
  on_close_.reset();
}

void StreamCore::set_close_callback(Callback callback) {
  check("set_close_callback");
  on_close_ = std::move(callback);
  if (fd_) update_interest();
}

}  // namespace detail
}  // namespace tornado
