// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What the operations of a stream return. Programs use tornado/iostream.h.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tornado/callback.h"
#include "tornado/coroutine_frame.h"
#include "tornado/loop_types.h"
#include "tornado/result.h"
#include "tornado/time.h"

namespace tornado::detail {

class StreamCore;

/// A wait for a stream. The stream may end first: the wait throws then.
class TORNADO_API StreamWait : public Suspension, public ListLink<StreamWait> {
 public:
  bool withdraw() noexcept override;
  std::string describe() const override;
  /// Begins, for `call`, which ends with the stream.
  void start(PendingCall& call);

 protected:
  enum class State : std::uint8_t { waits, granted, failed, timed_out };

  StreamWait(StreamCore& core, const char* act, std::optional<Delay> timeout) noexcept;
  /// Before it begins.
  StreamWait(StreamWait&& other) noexcept;
  ~StreamWait();

  /// Throws Errc::wrong_thread unless this thread, or a task of the stream's loop, may
  /// wait.
  virtual void prepare();
  /// Begins the wait, and its timeout.
  void begin();
  /// Throws unless it was granted.
  void check_granted() const;

 private:
  friend class StreamCore;
  /// Whether the wait is over.
  virtual bool try_now() noexcept = 0;

 protected:
  StreamCore* core_;  // null once the stream is destroyed
  const char* act_;
  std::optional<Delay> timeout_;
  TimeoutHandle timer_;
  PendingCall* call_ = nullptr;  // instead of a task
  bool begun_ = false;
  State state_ = State::waits;
  std::exception_ptr failure_ = {};  // of a matcher, or for want of memory
};

/// The callback form of a wait. The loop owns it until it calls, and the stream may
/// drop it.
template <class T, class Wait, class F>
class StreamCall final : public PendingCall {
 public:
  StreamCall(Wait&& wait, F&& done) : wait_(std::move(wait)), done_(std::move(done)) {}
  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* call, std::size_t size) noexcept {
    free_frame(call, size);
  }

  void start() { wait_.start(*this); }
  void run() override {
    auto result = Result<T>::of([this] { return wait_.result(); });
    F done = std::move(done_);
    delete this;
    done(std::move(result));
  }
  void drop() noexcept override {
    [[maybe_unused]] const F done = std::move(done_);  // may own the stream
    delete this;
  }

 private:
  Wait wait_;
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

struct ReadRequest {
  enum class Kind : std::uint8_t { until, matching, bytes, until_close };

  // No aggregate: g++ 12 destroys those twice beside a co_await.
  explicit ReadRequest(Kind k) noexcept : kind(k) {}

  Kind kind;
  bool partial = false;
  std::size_t bytes = 0;
  std::size_t max_bytes = std::string_view::npos;
  std::string delimiter = {};
  ReadMatcher matcher = {};
};

class TORNADO_API ReadWait : public StreamWait {
 public:
  ReadWait(StreamCore& core, const char* act, ReadRequest request,
           std::optional<Delay> timeout) noexcept;
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
  ReadRequest request_;
  std::size_t granted_ = 0;
};

class StringRead final : public ReadWait {
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

class ViewRead final : public ReadWait {
 public:
  using ReadWait::ReadWait;
  std::string_view result() { return take(); }
  template <ResultHandler<std::string_view> F>
  void call(F done) && {
    call_with_result<std::string_view>(std::move(*this), std::move(done));
  }
};

class IntoRead final : public ReadWait {
 public:
  IntoRead(StreamCore& core, const char* act, char* into, ReadRequest request,
           std::optional<Delay> timeout) noexcept
      : ReadWait(core, act, std::move(request), timeout), into_(into) {}
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
class TORNADO_API SentWait final : public StreamWait {
 public:
  SentWait(StreamCore& core, const char* act, std::uint64_t target,
           std::optional<Delay> timeout) noexcept
      : StreamWait(core, act, timeout), target_(target) {}
  bool ready();
  void suspend() { begin(); }
  void result() const { check_granted(); }
  template <ResultHandler<void> F>
  void call(F done) && {
    call_with_result<void>(std::move(*this), std::move(done));
  }

 private:
  friend class StreamCore;
  bool try_now() noexcept override;
  std::uint64_t target_;
};

class TORNADO_API ConnectWait final : public StreamWait {
 public:
  ConnectWait(StreamCore& core, std::optional<Delay> timeout,
              const char* act = "connect") noexcept
      : StreamWait(core, act, timeout) {}
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
