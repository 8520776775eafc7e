// SPDX-License-Identifier: Apache-2.0
#include "stream/stream_core.h"

#include <algorithm>
#include <array>
#include <new>
#include <string>

#include "net/sockets.h"
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

constexpr std::chrono::milliseconds connect_again{10};

}  // namespace

StreamCore::StreamCore(UniqueFd fd, IOLoop& loop,
                       std::shared_ptr<StreamTransport> transport,
                       const StreamOptions& options)
    : fd_(std::move(fd)), loop_(loop.handle()), half_open_(options.half_open) {
  const StreamExtras::Limits limits{options.max_buffer_size,
                                    options.max_write_buffer_size, options.write_room};
  if (limits != usual_limits) extras().limits = limits;
  if (transport) extras().transport = std::move(transport);
}

StreamExtras& StreamCore::extras() {
  if (!extras_) extras_ = std::make_unique<StreamExtras>();
  return *extras_;
}

void StreamLife::destroy(StreamLife* life) noexcept {
  delete static_cast<StreamCore*>(life);
}

StreamCore::~StreamCore() {
  end();
}

void StreamCore::end() noexcept {
  ended_ = true;
  close({});
  in_.consume(in_.size());
  in_.settle();
  if (ReadWait* const reader = std::exchange(reader_, nullptr)) end(*reader);
  while (waits_.linked()) {
    auto& wait = static_cast<QueuedWait&>(*waits_.next);
    wait.unlink();
    end(wait);
  }
}

void StreamCore::end(StreamWait& wait) noexcept {
  if (wait.state_ == StreamWait::State::granted) {
    wait.state_ = StreamWait::State::failed;
  }
  if (PendingCall* const call = wait.call()) call->drop();
}

void StreamCore::check_all(const char* act) const {
  TaskScheduler::of(loop_.open_loop(act)).check_thread(act);
}

// Connecting.

void StreamCore::connect(const SocketAddress& address) {
  check("connect");
  if (closed()) throw StreamClosedError(error_);
  if (connecting_) {
    throw_error(std::make_error_code(std::errc::connection_already_in_progress),
                act_on("connect", fileno()));
  }
  extras().attempt.reset(new StreamExtras::Attempt{address, {}});
  connecting_ = true;
  retry_connect();
  update_interest_or_close();
}

// A Unix socket whose peer has no room for the connection says EAGAIN, and would be
// reported as writable at once.
void StreamCore::retry_connect() noexcept {
  const std::error_code error = begin_connect(fileno(), extras_->attempt->peer);
  if (error == std::errc::resource_unavailable_try_again &&
      extras_->attempt->peer.family() == AddressFamily::local) {
    connect_later();
  } else if (error && error != std::errc::operation_in_progress) {
    close(error);
  } else if (!error) {
    connected();
  }
}

void StreamCore::connect_later() noexcept {
  IOLoop* const loop = loop_.loop();
  if (!loop) return;
  or_close([this, loop] {
    extras_->attempt->again = loop->call_later(connect_again, [this] {
      extras_->attempt->again = {};
      retry_connect();
      update_interest_or_close();
    });
  });
}

bool StreamCore::try_connect(ConnectWait& wait) noexcept {
  if (filtered_ && !filter().started) start_handshake();
  if (connecting_) return false;
  wait.state_ = fd_ ? StreamWait::State::granted : StreamWait::State::failed;
  return true;
}

void StreamCore::finish_connect() noexcept {
  if (filtered_ && filter().started) return continue_handshake();
  if (const std::error_code error = end_connect(fileno())) return close(error);
  connected();
}

void StreamCore::connected() noexcept {
  if (filtered_) return or_close([this] { begin_handshake(); });
  end_attempt();
  send_queued();
}

// Events.

void StreamCore::on_events(Events events) noexcept {
  if (is_rest_ && forked()) return abort({});  // the parent sends it
  or_close([this, events] {
    if (connecting_) {
      finish_connect();
    } else {
      if (has(events, Events::read | Events::error)) on_readable();
      if (fd_ && has(events, Events::write | Events::error)) {
        full_ = false;
        send_queued();
      }
    }
    update_interest();
  });
}

void StreamCore::on_readable() {
  drained_ = false;
  if (reader_ && reader_->state_ == StreamWait::State::waits) {
    if (reader_->try_now()) {
      complete(*reader_, &StreamWait::resume_after_event);
    } else {
      in_.settle();
    }
  } else if (filtered_ && !filter().started) {
    start_handshake();
  } else if (discards_ && !reader_) {
    discard();
  } else if (tells_close_ && in_.size() == 0 && !input_ended_) {
    receive();  // to notice the end
    in_.settle();
  } else if (!filtered_ || forked() || !filter().skim(fileno())) {
    interest_ = interest_ & ~Events::read;  // no read waits for it
    if (registered_) loop_.loop()->update_handler(fileno(), interest_);
  }
}

void StreamCore::update_interest_or_close() noexcept {
  or_close([this] { update_interest(); });
}

void StreamCore::change_interest() {
  IOLoop* const loop = loop_.loop();
  if (!loop || !fd_) return;
  Events wanted = Events::none;
  if (connecting_) {
    if (filtered_ && filter().started) {
      wanted = filter().wants();
    } else if (!extras_->attempt->again) {
      wanted = Events::write;
    }
  } else {
    // Once asked for, it stays until an event finds no reader: most are followed by
    // another read.
    const bool waits =
        reader_ && reader_->begun_ && reader_->state_ == StreamWait::State::waits;
    const bool listens =
        !input_ended_ && (discards_ || (tells_close_ && in_.size() == 0));
    if (listens && !drained_) read_on_later();
    if (waits || listens || has(interest_, Events::read)) wanted |= Events::read;
    if (filtered_) wanted |= filter().wants();
    if (input_ended_) wanted &= ~Events::read;
    if (queued() > 0 && full_) wanted |= Events::write;
  }
  if (wanted == interest_) return;
  if (registered_) {
    loop->update_handler(fileno(), wanted);
  } else {
    // As a file object: a loop that closes its descriptors closes the stream.
    loop->add_handler(
        *this, [](StreamCore& core, Events events) { core.on_events(events); }, wanted);
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
  if (!error && !forked()) send_queued();
  close_descriptor();
  settle_waits();
}

void StreamCore::abort(std::error_code error) noexcept {
  if (!fd_) return;
  drop_queued();
  reset_at_close();
  closing_ = output_ended_ = true;
  note(error);
  close_descriptor();
  settle_waits();
}

void StreamCore::close_once_sent() noexcept {
  if (filtered_) end_whole_output();
  if (!held()) close_descriptor();
}

// Not in a forked child, whose parent has the same socket.
void StreamCore::reset_at_close() noexcept {
  if (forked()) return;
  const linger at_once{1, 0};
  (void)set_option(fileno(), SOL_SOCKET, SO_LINGER,
                   std::as_bytes(std::span(&at_once, 1)));
}

void StreamCore::close_descriptor() noexcept {
  if (!fd_) return;
  if (output_) output_->unlink();
  IOLoop* const loop = loop_.loop();
  if (filtered_) stop_timer(filter().go_on);
  if (loop && registered_) loop->remove_handler(fileno());
  registered_ = false;
  if (!leave_rest()) {
    if (unsent()) reset_at_close();
    if (filtered_) end_whole_output();
    drop_queued();
    if (StreamTransport* const other = transport()) other->close();
    fd_.reset();
  }
  end_attempt();
  if (!tells_close_) return;
  tells_close_ = false;
  if (loop) (void)loop->add_callback(std::move(extras_->on_close));
  extras_->on_close.reset();
}

namespace {

Task<void> send_rest(StreamOwner core) {
  try {
    co_await finish(core, {});
  } catch (const std::exception&) {
    core->abort({});  // the stream is gone: there is no one to tell
  }
}

}  // namespace

bool StreamCore::leave_rest() noexcept {
  IOLoop* const loop = loop_.loop();
  if (!loop || is_rest_ || error_ || output_ended_ || connecting() || !unsent() ||
      forked()) {
    return false;
  }
  try {
    const StreamPtr rest(new StreamCore(UniqueFd(), *loop, shared_transport(),
                                        StreamOptions{.half_open = true}));
    rest->is_rest_ = true;
    WriteQueue& queue = rest->output().queue;
    extras().rest = rest;
    if (!loop->spawn_callback(send_rest(StreamOwner(rest)))) return false;
    // The task begins in the loop's next turn.
    rest->fd_ = std::move(fd_);
    rest->filtered_ = filtered_;
    filtered_ = false;
    if (output_) queue.swap(output_->queue);
    gather_room_ = 0;
    rest->written_ = written_;
    rest->sent_ = sent_;
    rest->full_ = full_;
    rest->input_ended_ = input_ended_;
    return true;
  } catch (const std::exception&) {  // no memory, or the loop closes
    return false;
  }
}

void StreamCore::set_close_callback(Callback callback) {
  check("set_close_callback");
  const bool tells = static_cast<bool>(callback);
  if (tells && !fd_) {
    (void)loop_.loop()->add_callback(std::move(callback));
    return;
  }
  if (tells || extras_) extras().on_close = std::move(callback);
  tells_close_ = tells;
  update_interest();
}

}  // namespace detail
}  // namespace tornado
