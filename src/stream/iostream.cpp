// SPDX-License-Identifier: Apache-2.0
#include "tornado/iostream.h"

#include <algorithm>
#include <array>
#include <string>

#include "net/sockets.h"
#include "platform/system_error.h"
#include "stream/block_pool.h"
#include "stream/stream_core.h"
#include "tornado/gen.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

using detail::StreamAct;
using detail::StreamCore;
using detail::StreamPtr;

std::string closed_text(const std::error_code& real) {
  return real ? "the stream is closed: " + real.message() : "the stream is closed";
}

// Winsock does not tell the mode.
UniqueFd made_nonblocking(UniqueFd fd) {
  std::error_code unknown;
  if (!is_nonblocking(fd.get(), unknown)) set_nonblocking(fd.get());
  return fd;
}

void set_keepalive(NativeFd socket, const KeepAlive& how) noexcept {
  const auto set = [&](int option, auto value) {
    const int in_system = static_cast<int>(value);
    if (in_system > 0) (void)set_option(socket, IPPROTO_TCP, option, in_system);
  };
  (void)set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(keepalive_idle, how.idle.count());
  set(keepalive_interval, how.interval.count());
  set(keepalive_probes, how.probes);
}

/// Sends what was written, also while it waits, and what ends the output of a filter.
Task<void> send_all(StreamPtr core, StreamAct act, std::optional<TimePoint> end) {
  const auto left = [&core, act, end]() -> std::optional<Delay> {
    if (!end) return std::nullopt;
    return *end - core->check(name_of(act)).loop().time();
  };
  if (core->connecting()) co_await detail::ConnectWait(core, left(), act);
  do {
    co_await detail::SentWait(core, act, core->written(), left());
  } while (core->writing());
  core->end_filter_output();
  co_await detail::SentWait(core, act, core->written(), left());
}

/// While it lives, what arrives without a reader is dropped.
struct Discarding {
  explicit Discarding(StreamPtr stream) noexcept : core(std::move(stream)) {
    core->discard_input(true);
  }
  Discarding(const Discarding&) = delete;
  Discarding& operator=(const Discarding&) = delete;
  ~Discarding() { core->discard_input(false); }
  const StreamPtr core;
};

/// False at the end of input, and when the time has passed.
Task<bool> discard_input(StreamPtr core, Delay time) {
  try {
    (void)co_await detail::ViewRead(core, StreamAct::finish, block_size, time);
    co_return true;
  } catch (const StreamClosedError&) {
    co_return false;
  } catch (const std::system_error& error) {
    if (error.code() != Errc::timed_out) throw;
    co_return false;
  }
}

}  // namespace

StreamClosedError::StreamClosedError(std::error_code real_error)
    : std::runtime_error(closed_text(real_error)), real_(real_error) {}

StreamBufferFullError::StreamBufferFullError()
    : std::runtime_error("write: more would be unsent than max_write_buffer_size") {}

namespace detail {

Task<void> finish(StreamPtr core, FinishLimits limits) {
  const TimePoint end = limits.in_all.after(core->check("finish").loop().time());
  if (core->reading()) {
    throw_error(std::make_error_code(std::errc::operation_in_progress), "finish");
  }
  // A peer that still sends may not read before it has.
  const Discarding during(core);
  co_await send_all(core, StreamAct::finish, end);
  bool more = !core->stop_sending();
  while (more) {
    const auto left = end - core->check("finish").loop().time();
    const Delay wait = (std::min)(left, limits.without_a_byte.get());
    more = co_await discard_input(core, wait);
  }
  core->close({});
}

}  // namespace detail

IOStream::IOStream(UniqueFd socket, const StreamOptions& options)
    : IOStream(std::move(socket), *IOLoop::current(), options) {}

IOStream::IOStream(UniqueFd socket, IOLoop& loop, const StreamOptions& options)
    : IOStream(std::move(socket), loop, options, nullptr) {}

IOStream::IOStream(UniqueFd socket, IOLoop& loop, const StreamOptions& options,
                   std::shared_ptr<StreamTransport> transport)
    : core_(new StreamCore(made_nonblocking(std::move(socket)), loop,
                           std::move(transport), options)) {
  refuse_sigpipe(fileno());
  if (options.nodelay) set_nodelay(true);
  if (options.keepalive) set_keepalive(fileno(), *options.keepalive);
}

IOStream::IOStream(StreamPtr core) noexcept : core_(std::move(core)) {}

IOStream::IOStream(IOStream&&) noexcept = default;
IOStream& IOStream::operator=(IOStream&& other) noexcept {
  IOStream old(std::move(*this));
  core_ = std::move(other.core_);
  return *this;
}
// A loop that runs on another thread may be calling the core, and ends it.
IOStream::~IOStream() {
  if (!core_) return;
  detail::StreamOwner core(std::move(core_));
  const LoopHandle loop = core->loop();
  if (loop.runs_elsewhere()) loop.add_callback([owned = std::move(core)] {});
}

detail::ConnectWait IOStream::connect(const SocketAddress& address,
                                      std::optional<Delay> timeout) {
  core_->connect(address);
  return {core_, timeout};
}

detail::StringRead IOStream::read_until_match(detail::ReadMatcher matcher,
                                              const ReadOptions& options) {
  return {core_, std::move(matcher), options.max_bytes, options.timeout};
}

detail::StringRead IOStream::read_bytes(std::size_t count,
                                        const std::optional<Delay>& timeout) {
  return {core_, StreamAct::read_bytes, count, timeout};
}

detail::StringRead IOStream::read_some(std::size_t most,
                                       const std::optional<Delay>& timeout) {
  return {core_, StreamAct::read_some, most, timeout};
}

detail::ViewRead IOStream::read_some_view(std::size_t most,
                                          const std::optional<Delay>& timeout) {
  return {core_, StreamAct::read_some, most, timeout};
}

detail::IntoRead IOStream::read_into(std::span<char> room,
                                     const std::optional<Delay>& timeout) {
  return {core_, room, timeout};
}

detail::StringRead IOStream::read_until_close(const std::optional<Delay>& timeout) {
  return {core_, StreamAct::read_until_close, 0, timeout};
}

detail::SentWait IOStream::write(std::string_view bytes,
                                 const std::optional<Delay>& timeout) {
  StreamCore& core = *core_;
  if (core.gather(bytes)) return detail::SentWait(core_);
  core.send(bytes);
  const std::uint64_t target = core.target_of_room();
  if (core.has_sent(target)) return detail::SentWait(core_);
  return {core_, StreamAct::write, target, timeout};
}

detail::SentWait IOStream::flush(const std::optional<Delay>& timeout) {
  return {core_, StreamAct::flush, core_->written(), timeout};
}

// The stream may be moved or destroyed before these begin, and while they wait.
Task<void> IOStream::shutdown_write() {
  constexpr auto run = [](StreamPtr core) -> Task<void> {
    co_await send_all(core, StreamAct::shutdown_write, {});
    if (core->closed()) throw StreamClosedError(core->error());
    if (const std::error_code error = core->stop_sending()) {
      throw StreamClosedError(error);
    }
  };
  return run(core_);
}

Task<void> IOStream::finish(FinishLimits limits) {
  return detail::finish(core_, limits);
}

detail::ConnectWait IOStream::wait_for_handshake(std::optional<Delay> timeout) {
  return {core_, timeout, StreamAct::wait_for_handshake};
}

void IOStream::set_filter(std::shared_ptr<StreamFilter> filter) {
  core_->set_filter(std::move(filter));
}

void IOStream::close(std::error_code error) noexcept {
  core_->close(error);
}

void IOStream::set_close_callback(Callback callback) {
  core_->set_close_callback(std::move(callback));
}

void IOStream::abort(std::error_code error) noexcept {
  if (core_) core_->abort(error);  // it may have been moved from
}

bool IOStream::closed() const noexcept {
  return core_->closed();
}

bool IOStream::reading() const noexcept {
  return core_->reading();
}

bool IOStream::writing() const noexcept {
  return core_->writing();
}

std::error_code IOStream::error() const noexcept {
  return core_->error();
}

NativeFd IOStream::fileno() const noexcept {
  return core_->fileno();
}

void IOStream::set_nodelay(bool on) noexcept {
  (void)set_option(fileno(), IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
}

PipeIOStream::PipeIOStream(UniqueFd pipe, const StreamOptions& options)
    : PipeIOStream(std::move(pipe), *IOLoop::current(), options) {}

PipeIOStream::PipeIOStream(UniqueFd pipe, IOLoop& loop, const StreamOptions& options)
    : IOStream(StreamPtr(new StreamCore(made_nonblocking(std::move(pipe)), loop,
                                        pipe_transport(), options))) {}

}  // namespace tornado
