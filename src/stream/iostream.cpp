// SPDX-License-Identifier: Apache-2.0
#include "tornado/iostream.h"

#include <algorithm>
#include <string>

#include "loop/pending_calls.h"
#include "net/sockets.h"
#include "platform/system_error.h"
#include "stream/block_pool.h"
#include "stream/stream_core.h"
#include "tornado/gen.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

using detail::ReadRequest;
using detail::StreamCore;

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

ReadRequest up_to(std::string delimiter, const ReadOptions& options) {
  if (delimiter.empty()) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "read_until: the delimiter is empty");
  }
  ReadRequest request(ReadRequest::Kind::until);
  request.max_bytes = options.max_bytes;
  request.delimiter = std::move(delimiter);
  return request;
}

ReadRequest bytes(std::size_t count, bool partial = false) {
  ReadRequest request(ReadRequest::Kind::bytes);
  request.bytes = count;
  request.partial = partial;
  return request;
}

/// Sends what was written, also while it waits, and what ends the output of a filter.
Task<void> send_all(StreamCore& core, const char* act, std::optional<TimePoint> end) {
  const auto left = [&core, act, end]() -> std::optional<Delay> {
    if (!end) return std::nullopt;
    return *end - core.check(act).loop().time();
  };
  if (core.connecting()) co_await detail::ConnectWait(core, left(), act);
  do {
    co_await detail::SentWait(core, act, core.written(), left());
  } while (core.writing());
  core.end_filter_output();
  co_await detail::SentWait(core, act, core.written(), left());
}

/// False at the end of input, and when the time has passed.
Task<bool> discard_input(StreamCore& core, Delay time) {
  try {
    (void)co_await detail::ViewRead(core, "finish", bytes(block_size, true), time);
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

Task<void> finish(std::shared_ptr<StreamCore> core, FinishLimits limits) {
  const TimePoint end = limits.in_all.after(core->check("finish").loop().time());
  core->discard_input();  // a peer that still sends may not read before it has
  co_await send_all(*core, "finish", end);
  bool more = !core->stop_sending();
  while (more) {
    const auto left = end - core->check("finish").loop().time();
    const Delay wait = (std::min)(left, limits.without_a_byte.get());
    more = co_await discard_input(*core, wait);
  }
  core->close({});
}

StreamWait::StreamWait(StreamCore& core, const char* act,
                       std::optional<Delay> timeout) noexcept
    : core_(&core), act_(act), timeout_(timeout) {
  core.add(*this);
}

StreamWait::StreamWait(StreamWait&& other) noexcept
    : core_(other.core_), act_(other.act_), timeout_(other.timeout_) {
  if (core_) core_->add(*this);
}

StreamWait::~StreamWait() {
  if (core_) core_->forget(*this);
}

bool StreamWait::withdraw() noexcept {
  if (core_) core_->forget(*this);
  core_ = nullptr;
  return true;
}

std::string StreamWait::describe() const {
  return core_ ? act_on(act_, core_->fileno()) : act_;
}

void StreamWait::prepare() {
  if (!core_) throw StreamClosedError();
  const TaskScheduler& tasks = core_->check(act_);
  if (frame && frame->scope->scheduler() != &tasks) {
    throw_error(Errc::wrong_thread, act_);
  }
}

void StreamWait::start(PendingCall& call) {
  prepare();
  call_ = &call;
  begun_ = true;
  PendingCalls::of(core_->loop().open_loop(act_)).expect(call);
  if (try_now()) {
    core_->complete(*this);
  } else {
    begin();
  }
}

void StreamWait::begin() {
  begun_ = true;
  core_->watch();
  if (!timeout_) return;
  timer_ = core_->loop().open_loop(act_).call_later(
      *timeout_, [this] { core_->on_timeout(*this); });
}

void StreamWait::check_granted() const {
  if (core_ && state_ == State::granted) return;
  if (failure_) std::rethrow_exception(failure_);
  if (state_ == State::timed_out) throw_error(Errc::timed_out, act_);
  throw StreamClosedError(core_ ? core_->error() : std::error_code());
}

ReadWait::ReadWait(StreamCore& core, const char* act, ReadRequest request,
                   std::optional<Delay> timeout) noexcept
    : StreamWait(core, act, timeout), request_(std::move(request)) {}

void ReadWait::prepare() {
  StreamWait::prepare();
  core_->start_read(*this);
}

bool ReadWait::ready() {
  prepare();
  return core_->try_read(*this);
}

bool ReadWait::try_now() noexcept {
  try {
    return core_->try_read(*this);
  } catch (...) {
    failure_ = std::current_exception();
    state_ = State::failed;
    return true;
  }
}

std::string_view ReadWait::take() {
  if (!core_) throw StreamClosedError();
  core_->end_read(*this);
  check_granted();
  return core_->take(granted_);
}

void ReadWait::release_memory() noexcept {
  core_->release_memory();
}

bool SentWait::ready() {
  if (core_ && core_->try_sent(*this)) return true;
  prepare();
  return false;
}

bool SentWait::try_now() noexcept {
  return core_->try_sent(*this);
}

bool ConnectWait::ready() {
  prepare();
  return core_->try_connect(*this);
}

bool ConnectWait::try_now() noexcept {
  return core_->try_connect(*this);
}

bool ConnectWait::withdraw() noexcept {
  StreamCore* const core = core_;
  const bool ended = StreamWait::withdraw();
  if (core) core->close(std::make_error_code(std::errc::operation_canceled));
  return ended;
}

}  // namespace detail

IOStream::IOStream(UniqueFd socket, const StreamOptions& options)
    : IOStream(std::move(socket), *IOLoop::current(), options) {}

IOStream::IOStream(UniqueFd socket, IOLoop& loop, const StreamOptions& options)
    : IOStream(std::move(socket), loop, options, socket_transport()) {}

IOStream::IOStream(UniqueFd socket, IOLoop& loop, const StreamOptions& options,
                   std::shared_ptr<StreamTransport> transport)
    : core_(std::make_shared<StreamCore>(made_nonblocking(std::move(socket)), loop,
                                         std::move(transport), options)) {
  refuse_sigpipe(fileno());
  if (options.nodelay) set_nodelay(true);
  if (options.keepalive) set_keepalive(fileno(), *options.keepalive);
}

IOStream::IOStream(std::shared_ptr<StreamCore> core) noexcept
    : core_(std::move(core)) {}

IOStream::IOStream(IOStream&&) noexcept = default;
IOStream& IOStream::operator=(IOStream&& other) noexcept {
  IOStream old(std::move(*this));
  core_ = std::move(other.core_);
  return *this;
}
// A loop that runs on another thread may be calling the core, and ends it.
IOStream::~IOStream() {
  if (!core_) return;
  const bool posted = core_->loop().runs_elsewhere() &&
                      core_->loop().add_callback([core = core_] { core->end(); });
  if (!posted) core_->end();
}

detail::ConnectWait IOStream::connect(const SocketAddress& address,
                                      std::optional<Delay> timeout) {
  core_->connect(address);
  return {*core_, timeout};
}

detail::StringRead IOStream::read_until(std::string delimiter,
                                        const ReadOptions& options) {
  return {*core_, "read_until", up_to(std::move(delimiter), options), options.timeout};
}

detail::ViewRead IOStream::read_until_view(std::string delimiter,
                                           const ReadOptions& options) {
  return {*core_, "read_until", up_to(std::move(delimiter), options), options.timeout};
}

detail::StringRead IOStream::read_until_match(detail::ReadMatcher matcher,
                                              const ReadOptions& options) {
  ReadRequest request(ReadRequest::Kind::matching);
  request.max_bytes = options.max_bytes;
  request.matcher = std::move(matcher);
  return {*core_, "read_until_match", std::move(request), options.timeout};
}

detail::StringRead IOStream::read_bytes(std::size_t count,
                                        std::optional<Delay> timeout) {
  return {*core_, "read_bytes", bytes(count), timeout};
}

detail::StringRead IOStream::read_some(std::size_t most, std::optional<Delay> timeout) {
  return {*core_, "read_some", bytes(most, true), timeout};
}

detail::ViewRead IOStream::read_some_view(std::size_t most,
                                          std::optional<Delay> timeout) {
  return {*core_, "read_some", bytes(most, true), timeout};
}

detail::IntoRead IOStream::read_into(std::span<char> room,
                                     std::optional<Delay> timeout) {
  return {*core_, "read_into", room.data(), bytes(room.size()), timeout};
}

detail::StringRead IOStream::read_until_close(std::optional<Delay> timeout) {
  return {*core_, "read_until_close", ReadRequest(ReadRequest::Kind::until_close),
          timeout};
}

detail::SentWait IOStream::write(std::string_view bytes, std::optional<Delay> timeout) {
  const std::uint64_t written = core_->write(bytes);
  const std::uint64_t room = core_->options().write_room;
  return {*core_, "write", written > room ? written - room : 0, timeout};
}

detail::SentWait IOStream::flush(std::optional<Delay> timeout) {
  return {*core_, "flush", core_->written(), timeout};
}

// The stream may be moved or destroyed before these begin, and while they wait.
Task<void> IOStream::shutdown_write() {
  constexpr auto run = [](std::shared_ptr<StreamCore> core) -> Task<void> {
    co_await send_all(*core, "shutdown_write", {});
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
  return {*core_, timeout, "wait_for_handshake"};
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
    : IOStream(std::make_shared<StreamCore>(made_nonblocking(std::move(pipe)), loop,
                                            pipe_transport(), options)) {}

}  // namespace tornado
