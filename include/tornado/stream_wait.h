// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What the operations of a stream return. Programs use tornado/iostream.h.

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "tornado/callback.h"
#include "tornado/coroutine_frame.h"
#include "tornado/loop_types.h"
#include "tornado/result.h"
#include "tornado/time.h"

namespace tornado::detail {

class StreamCore;

/// A default that costs no object of its own in each coroutine.
inline constexpr std::optional<Delay> no_timeout;

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

/// A wait for a stream. The stream may end first: the wait throws then. Each coroutine
/// that awaits one holds it, so each member counts.
class TORNADO_API StreamWait : public Suspension, public ListLink<StreamWait> {
 public:
  /// In a task's budget, while the bytes come from a buffer or go into one.
  static constexpr int cost = 1;

  bool withdraw() noexcept override;
  std::string describe() const override;

 protected:
  enum class State : std::uint8_t { waits, granted, failed, timed_out };

  // The constructors are the library's alone.
  inline StreamWait(StreamCore& core, StreamAct act,
                    const std::optional<Delay>& timeout) noexcept;
  /// Before it begins.
  StreamWait(StreamWait&& other) noexcept;
  ~StreamWait() {
    if (engaged_) forget();
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

 protected:
  [[noreturn]] virtual void throw_failure() const;

  StreamCore* core_;  // null once the stream is destroyed
  Delay timeout_;
  TimeoutHandle timer_;
  StreamAct act_;
  State state_ = State::waits;
  bool begun_ = false;
  bool engaged_ = false;  // the stream has more of it than its place in a list
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

/// A delimiter that needs no memory of its own.
struct ShortDelimiter {
  std::array<char, 7> bytes;
  std::uint8_t size;
};

/// Where a read ends, beside a number of bytes. An exception: of a matcher, or for want
/// of memory.
using ReadEnd =
    std::variant<std::monostate, ShortDelimiter, std::unique_ptr<std::string>,
                 std::unique_ptr<ReadMatcher>, std::exception_ptr>;

class TORNADO_API ReadWait : public StreamWait {
 public:
  /// `most` bytes.
  inline ReadWait(StreamCore& core, StreamAct act, std::size_t most,
                  const std::optional<Delay>& timeout) noexcept;
  /// Up to `end`, and that within `most` bytes.
  inline ReadWait(StreamCore& core, std::string_view end, std::size_t most,
                  const std::optional<Delay>& timeout);
  inline ReadWait(StreamCore& core, std::unique_ptr<ReadMatcher> end, std::size_t most,
                  const std::optional<Delay>& timeout) noexcept;
  bool ready();
  void suspend() { begin(); }

 protected:
  ReadWait(ReadWait&& other) noexcept = default;
  ~ReadWait() = default;
  /// The bytes leave the stream. Valid until its next operation.
  std::string_view take();
  /// The bytes were copied: the stream may give their memory back.
  void release_memory() noexcept;

 private:
  friend class StreamCore;
  void prepare() final;
  bool try_now() noexcept override;
  [[noreturn]] void throw_failure() const final;
  std::size_t count_;  // the most bytes; once it is granted, those to take
  ReadEnd end_;
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
  inline IntoRead(StreamCore& core, std::span<char> room,
                  const std::optional<Delay>& timeout) noexcept;
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
class TORNADO_API SentWait : public StreamWait {
 public:
  inline SentWait(StreamCore& core, StreamAct act, std::uint64_t target,
                  const std::optional<Delay>& timeout) noexcept;
  /// The bytes have joined others, and there is room.
  inline explicit SentWait(StreamCore& core) noexcept;
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
  std::uint64_t target_;
};

class TORNADO_API ConnectWait : public StreamWait {
 public:
  inline ConnectWait(StreamCore& core, const std::optional<Delay>& timeout,
                     StreamAct act = StreamAct::connect) noexcept;
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
