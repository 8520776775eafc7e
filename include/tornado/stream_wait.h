// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What the operations of a stream return. Programs use tornado/iostream.h.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "tornado/callback.h"
#include "tornado/coroutine_frame.h"
#include "tornado/loop_types.h"
#include "tornado/result.h"
#include "tornado/stream_life.h"
#include "tornado/time.h"

namespace tornado::detail {

/// A default that costs no object of its own in each coroutine.
inline constexpr std::optional<Delay> no_timeout;
inline constexpr Delay never = (std::chrono::nanoseconds::max)();

/// The operations that wait for a stream.
enum class StreamAct : std::uint8_t {
  connect,
  wait_for_handshake,
  read_until,
  read_until_match,
  read_bytes,
  read_some,
  read_into,
  read_until_close,
  write,
  flush,
  shutdown_write,
  finish,
  drain
};

/// A delimiter that needs no memory of its own.
struct ShortDelimiter {
  std::array<char, 7> bytes;
  std::uint8_t size;
};

/// Any other end of a read.
struct ReadEnd;

/// What of a wait has room in the padding of its Suspension.
class TORNADO_API StreamWaitState : public Suspension {
 protected:
  /// Taken: the bytes are no longer in the stream, which has others. All taken: which
  /// has no others.
  enum class State : std::uint8_t {
    waits,
    granted,
    taken,
    all_taken,
    failed,
    timed_out
  };

  explicit StreamWaitState(StreamAct act) noexcept : act_(act) {}
  ~StreamWaitState() = default;

  StreamAct act_;
  State state_ = State::waits;
  bool begun_ : 1 = false;
  bool tied_ : 1 = false;  // to the stream, or with an end
  bool timed_ : 1 = false;
  bool has_end_ : 1 = false;
  std::uint16_t reads_before_ = 0;  // that had begun; of a QueuedWait
};

/// A wait for a stream. The stream may end first: the wait throws then. Each coroutine
/// that awaits one holds it, so each member counts.
class TORNADO_API StreamWait : public StreamWaitState {
 public:
  /// In a task's budget, while the bytes come from a buffer or go into one.
  static constexpr int cost = 1;

  bool withdraw() noexcept override;
  std::string describe() const override;

 protected:
  StreamWait(const StreamPtr& stream, StreamAct act,
             const std::optional<Delay>& timeout) noexcept
      : StreamWaitState(act), stream_(stream), timeout_(timeout ? *timeout : never) {}
  /// Before it begins.
  StreamWait(StreamWait&& other) noexcept
      : StreamWaitState(other.act_),
        stream_(std::move(other.stream_)),
        timeout_(other.timeout_) {
    if (other.has_end_) {
      end_ = other.end_;
      tied_ = has_end_ = true;
      other.tied_ = other.has_end_ = false;
    } else {
      delimiter_ = other.delimiter_;
    }
  }
  ~StreamWait() {
    if (tied_) forget();
  }

  /// Throws Errc::wrong_thread unless this thread, or a task of the stream's loop, may
  /// wait.
  virtual void prepare();
  /// Begins the wait, and its timeout.
  void begin();
  /// Begins for the callback of this object, which ends with the stream.
  void begin_call();
  void check_granted() const {
    if (state_ != State::granted) throw_failure();
  }

 private:
  friend class StreamCore;
  /// Whether the wait is over.
  virtual bool try_now() noexcept = 0;
  /// What is called instead of a task.
  virtual PendingCall* call() noexcept { return nullptr; }
  void forget() noexcept;
  void free_end() noexcept;
  void stop_timer() noexcept;

 protected:
  [[noreturn]] virtual void throw_failure() const;

  StreamPtr stream_;
  union {
    Delay timeout_;
    TimeoutHandle* timer_;  // if it is timed
  };
  union {
    ShortDelimiter delimiter_ = {};
    ReadEnd* end_;          // if it has one
    const char* taken_;     // of bytes that are taken
    std::uint64_t target_;  // of a SentWait
  };
};

/// The callback form of a wait. The loop owns it until it calls, and the stream may
/// drop it.
template <class T, class Wait, class F>
class StreamCall final : public PendingCall, private Wait {
 public:
  StreamCall(Wait&& wait, F&& done) : Wait(std::move(wait)), done_(std::move(done)) {}
  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* call, std::size_t size) noexcept {
    free_frame(call, size);
  }

  void start() { this->begin_call(); }
  void run() override {
    auto result = Result<T>::of([this] { return this->result(); });
    F done = std::move(done_);
    delete this;
    done(std::move(result));
  }
  void drop() noexcept override {
    [[maybe_unused]] const F done = std::move(done_);  // may own the stream
    delete this;
  }

 private:
  PendingCall* call() noexcept override { return this; }
  F done_;
};

template <class T, class Wait, class F>
void call_with_result(Wait&& wait, F&& done) {
  auto call =
      std::make_unique<StreamCall<T, Wait, F>>(std::move(wait), std::move(done));
  call->start();
  (void)call.release();
}

/// Finds where a read ends: the number of bytes to take, or npos if there are too few.
using ReadMatcher = UniqueFunction<std::size_t(std::string_view), 16>;

class TORNADO_API ReadWait : public StreamWait {
 public:
  /// `most` bytes.
  ReadWait(const StreamPtr& stream, StreamAct act, std::size_t most,
           const std::optional<Delay>& timeout) noexcept
      : StreamWait(stream, act, timeout), count_(most) {}
  /// Up to `end`, and that within `most` bytes.
  ReadWait(const StreamPtr& stream, std::string_view end, std::size_t most,
           const std::optional<Delay>& timeout)
      : ReadWait(stream, StreamAct::read_until, most, timeout) {
    if (end.size() == 1) {
      delimiter_.bytes[0] = end[0];
      delimiter_.size = 1;
    } else {
      end_at(end);
    }
  }
  ReadWait(const StreamPtr& stream, ReadMatcher end, std::size_t most,
           const std::optional<Delay>& timeout);
  /// Whether the bytes are there and were taken, with nothing else to do.
  bool at_once() noexcept { return ends_plainly() && take_at_once(); }
  bool ready();
  void suspend() { begin(); }

 protected:
  ReadWait(ReadWait&& other) noexcept = default;
  ~ReadWait() = default;
  /// The bytes leave the stream. Valid until its next operation.
  std::string_view take() {
    if (state_ != State::taken && state_ != State::all_taken) take_granted();
    return {taken_, count_};
  }
  /// The bytes were copied: the stream may give their memory back.
  void release_memory() noexcept {
    if (state_ == State::all_taken) give_memory_back();
  }

 private:
  friend class StreamCore;
  void end_at(std::string_view delimiter);
  [[nodiscard]] inline std::string_view delimiter() const noexcept;
  void fail_with(std::exception_ptr failure) noexcept;
  [[nodiscard]] bool ends_plainly() const noexcept {
    return act_ == StreamAct::read_until ? !has_end_ && delimiter_.size == 1
                                         : act_ == StreamAct::read_bytes;
  }
  bool take_at_once() noexcept;
  void take_granted();
  void give_memory_back() noexcept;
  void prepare() final;
  bool try_now() noexcept override;
  [[noreturn]] void throw_failure() const final;

  std::size_t count_;  // the most bytes; once it is granted, those to take
};

/// One of many waits for a stream. A read is the only one.
class TORNADO_API QueuedWait : public StreamWait, public ListLink<QueuedWait> {
 public:
  using StreamWait::StreamWait;
  bool withdraw() noexcept override;

 protected:
  QueuedWait(QueuedWait&& other) noexcept : StreamWait(std::move(other)) {}
  ~QueuedWait() = default;
  void prepare() override;

 private:
  friend class StreamCore;
};

class StringRead : public ReadWait {
 public:
  using ReadWait::ReadWait;
  std::string result() {
    std::string bytes(take());
    release_memory();
    return bytes;
  }
  template <ResultHandler<std::string> F>
  void call(F done) && {
    call_with_result<std::string>(std::move(*this), std::move(done));
  }
};

class ViewRead : public ReadWait {
 public:
  using ReadWait::ReadWait;
  std::string_view result() { return take(); }
  template <ResultHandler<std::string_view> F>
  void call(F done) && {
    call_with_result<std::string_view>(std::move(*this), std::move(done));
  }
};

class IntoRead : public ReadWait {
 public:
  IntoRead(const StreamPtr& stream, std::span<char> room,
           const std::optional<Delay>& timeout) noexcept
      : ReadWait(stream, StreamAct::read_into, room.size(), timeout),
        into_(room.data()) {}
  std::size_t result() {
    const std::string_view bytes = take();
    const std::size_t count = bytes.copy(into_, bytes.size());
    release_memory();
    return count;
  }
  template <ResultHandler<std::size_t> F>
  void call(F done) && {
    call_with_result<std::size_t>(std::move(*this), std::move(done));
  }

 private:
  char* into_;
};

/// Waits until the kernel has taken the first `target` bytes that were ever written.
class TORNADO_API SentWait : public QueuedWait {
 public:
  SentWait(const StreamPtr& stream, StreamAct act, std::uint64_t target,
           const std::optional<Delay>& timeout) noexcept
      : QueuedWait(stream, act, timeout) {
    target_ = target;
  }
  /// The bytes have joined others, and there is room.
  explicit SentWait(const StreamPtr& stream) noexcept
      : SentWait(stream, StreamAct::write, 0, no_timeout) {
    state_ = State::granted;
  }
  bool ready() { return state_ == State::granted || look(); }
  void suspend() { begin(); }
  void result() const { check_granted(); }
  template <ResultHandler<void> F>
  void call(F done) && {
    call_with_result<void>(std::move(*this), std::move(done));
  }

 private:
  friend class StreamCore;
  bool look();
  bool try_now() noexcept override;
};

class TORNADO_API ConnectWait : public QueuedWait {
 public:
  ConnectWait(const StreamPtr& stream, const std::optional<Delay>& timeout,
              StreamAct act = StreamAct::connect) noexcept
      : QueuedWait(stream, act, timeout) {}
  bool ready();
  void suspend() { begin(); }
  void result() const { check_granted(); }
  template <ResultHandler<void> F>
  void call(F done) && {
    call_with_result<void>(std::move(*this), std::move(done));
  }
  bool withdraw() noexcept override;

 private:
  bool try_now() noexcept override;
};

}  // namespace tornado::detail
