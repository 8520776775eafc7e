// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What the operations of a stream return. Programs use tornado/iostream.h.

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

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
  void start_timer(Delay timeout);
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
