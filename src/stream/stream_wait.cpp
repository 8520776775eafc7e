// SPDX-License-Identifier: Apache-2.0
// How operations wait for a stream, and how that ends.
#include <algorithm>
#include <array>
#include <memory>
#include <new>

#include "loop/pending_calls.h"
#include "platform/system_error.h"
#include "stream/stream_core.h"
#include "tornado/platform.h"

namespace tornado::detail {
namespace {

/// With room for `size` bytes behind it.
ReadEnd* make_end(std::size_t size) {
  void* const memory = allocate_frame(sizeof(ReadEnd) + size);
  auto* const end = ::new (memory) ReadEnd;
  end->size = size;
  return end;
}

}  // namespace

const char* name_of(StreamAct act) noexcept {
  static constexpr std::array names = {"connect",        "wait_for_handshake",
                                       "read_until",     "read_until_match",
                                       "read_bytes",     "read_some",
                                       "read_into",      "read_until_close",
                                       "write",          "flush",
                                       "shutdown_write", "finish",
                                       "drain"};
  return names[static_cast<std::size_t>(act)];
}

inline void StreamCore::check(const StreamWait& wait) const {
  if (ended_) return;
  const bool usable = here_as_before() || usable_here();
  if (!usable || (wait.frame && !runs(*wait.frame))) refuse(wait.act_);
}

StreamCore& StreamCore::of(const StreamWait& wait) {
  StreamCore* const core = wait.stream_.get();
  if (!core || core->ended_) throw StreamClosedError();
  core->check(wait);
  return *core;
}

void StreamCore::refuse(StreamAct act) const {
  check(name_of(act));
  throw_error(Errc::wrong_thread, name_of(act));
}

void StreamCore::watch() {
  if (queued() > 0 && !full_) send_what_fits();
  if (in_.size() < block_size) in_.settle();
  update_interest();
}

void StreamCore::remove_timer(TimeoutHandle timer) noexcept {
  if (IOLoop* const loop = loop_.loop()) loop->remove_timeout(timer);
}

void StreamCore::complete(StreamWait& wait, Resume resume) noexcept {
  wait.stop_timer();
  if (wait.begun_ && !wait.over) go_on(wait, resume);
}

void StreamCore::go_on(StreamWait& wait, Resume resume) noexcept {
  if (wait.frame) return (wait.*resume)();
  if (IOLoop* const loop = loop_.loop()) {
    PendingCalls::of(*loop).call_soon(*wait.call());
  }
}

/// Goes on with those whose time has come, in the order in which they began. None of
/// them runs here.
void StreamCore::settle_waits() noexcept {
  // Nothing new has arrived for a read while the descriptor is open.
  ReadWait* reader = fd_ ? nullptr : reader_;
  for (auto* link = waits_.next; link != &waits_; link = link->next) {
    auto& wait = static_cast<QueuedWait&>(*link);
    if (reader && wait.reads_before_ == reads_) settle(*std::exchange(reader, nullptr));
    settle(wait);
  }
  if (reader) settle(*reader);
}

void StreamCore::settle(StreamWait& wait) noexcept {
  if (wait.state_ != StreamWait::State::waits || !wait.begun_) return;
  if (wait.try_now()) complete(wait);
}

void StreamCore::forget(const StreamWait& wait) noexcept {
  if (reader_ == &wait) reader_ = nullptr;
  if (held()) update_interest_or_close();
}

void StreamCore::on_timeout(StreamWait& wait) noexcept {
  wait.stop_timer();
  if (wait.state_ != StreamWait::State::waits) return;
  wait.state_ = StreamWait::State::timed_out;
  if (reader_ == &wait) {
    update_interest_or_close();
  } else {
    close(std::make_error_code(std::errc::timed_out));
  }
  go_on(wait);
}

void StreamWait::forget() noexcept {
  tied_ = false;
  if (has_end_) free_end();
  stop_timer();
  if (stream_) stream_->forget(*this);
}

void StreamWait::free_end() noexcept {
  const std::size_t size = sizeof(ReadEnd) + end_->size;
  std::destroy_at(end_);
  free_frame(end_, size);
  has_end_ = false;
}

bool StreamWait::withdraw() noexcept {
  if (tied_) forget();
  stream_ = {};
  return true;
}

std::string StreamWait::describe() const {
  return stream_ ? act_on(name_of(act_), stream_->fileno()) : name_of(act_);
}

void StreamWait::prepare() {
  (void)StreamCore::of(*this);
}

void StreamWait::begin_call() {
  prepare();
  begun_ = true;
  PendingCalls::of(*stream_->loop().loop()).expect(*call());
  if (try_now()) {
    stream_->complete(*this);
  } else {
    begin();
  }
}

void StreamWait::begin() {
  begun_ = true;
  if (timeout_.get() != never.get()) start_timer(timeout_);
  stream_->watch();
}

void StreamWait::start_timer(Delay timeout) {
  void* const place = allocate_frame(sizeof(TimeoutHandle));
  timer_ = ::new (place) TimeoutHandle;
  timed_ = true;
  IOLoop& loop = stream_->loop().open_loop(name_of(act_));
  *timer_ = loop.call_later(timeout, [this] { stream_->on_timeout(*this); });
}

void StreamWait::stop_timer() noexcept {
  if (!timed_) return;
  timed_ = false;
  stream_->stop_timer(*timer_);
  free_frame(timer_, sizeof(TimeoutHandle));
}

void StreamWait::throw_failure() const {
  if (state_ == State::timed_out) throw_error(Errc::timed_out, name_of(act_));
  throw StreamClosedError(stream_ ? stream_->error() : std::error_code());
}

bool QueuedWait::withdraw() noexcept {
  unlink();
  return StreamWait::withdraw();
}

void QueuedWait::prepare() {
  StreamWait::prepare();
  stream_->add(*this);
}

bool SentWait::look() {
  if (stream_) stream_->check(*this);
  if (stream_ && stream_->try_sent(*this)) return true;
  prepare();
  return false;
}

bool SentWait::try_now() noexcept {
  return stream_->try_sent(*this);
}

bool ConnectWait::ready() {
  prepare();
  return stream_->try_connect(*this);
}

bool ConnectWait::try_now() noexcept {
  return stream_->try_connect(*this);
}

bool ConnectWait::withdraw() noexcept {
  const StreamPtr stream = stream_;
  const bool ended = QueuedWait::withdraw();
  if (stream) stream->close(std::make_error_code(std::errc::operation_canceled));
  return ended;
}

// Reads.

ReadWait::ReadWait(const StreamPtr& stream, ReadMatcher end, std::size_t most,
                   const std::optional<Delay>& timeout)
    : ReadWait(stream, StreamAct::read_until_match, most, timeout) {
  end_ = make_end(0);
  tied_ = has_end_ = true;
  end_->matcher = std::move(end);
}

void ReadWait::end_at(std::string_view delimiter) {
  if (delimiter.empty()) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "read_until: the delimiter is empty");
  }
  if (delimiter.size() <= delimiter_.bytes.size()) {
    delimiter.copy(delimiter_.bytes.data(), delimiter.size());
    delimiter_.size = static_cast<std::uint8_t>(delimiter.size());
    return;
  }
  end_ = make_end(delimiter.size());
  tied_ = has_end_ = true;
  delimiter.copy(reinterpret_cast<char*>(end_ + 1), delimiter.size());
}

void ReadWait::fail_with(std::exception_ptr failure) noexcept {
  state_ = State::failed;
  if (!has_end_) {
    try {
      end_ = make_end(0);
      tied_ = has_end_ = true;
    } catch (const std::bad_alloc&) {
      return stream_->close(std::make_error_code(std::errc::not_enough_memory));
    }
  }
  end_->failure = std::move(failure);
}

void ReadWait::throw_failure() const {
  if (has_end_ && end_->failure) std::rethrow_exception(end_->failure);
  StreamWait::throw_failure();
}

}  // namespace tornado::detail
