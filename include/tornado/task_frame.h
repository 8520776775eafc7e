// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What each coroutine of a task holds, and what it waits for. Not for programs.

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

#include "tornado/intrusive_list.h"
#include "tornado/native.h"

namespace tornado::detail {

class Suspension;
class TaskScope;

/// Frames come from lists of the thread by size, and go back there.
TORNADO_API void* allocate_frame(std::size_t size);
TORNADO_API void free_frame(void* frame, std::size_t size) noexcept;

struct InScope {};
struct InReadyList {};

/// What is known of a coroutine whatever its result: the base of each promise.
///
/// A frame is awaited by its parent, or is a root, which a scope owns. The frames from
/// a root to the one that is suspended or runs are a chain. Cancelling, closing and
/// reporting walk over these links; there are no tokens, slots or registries.
///
/// Every coroutine has one, so each member counts. A root has a place in the list of
/// its scope, and other frames have a parent there. A frame that waits has a
/// suspension, and a frame that has failed an exception there.
struct TORNADO_API TaskFrame : ListLink<InScope>, ListLink<InReadyList> {
  TaskScope* scope = nullptr;  // null before the first resumption
  std::source_location where;  // of the last await
  std::uint32_t since = 0;     // when the wait began, in milliseconds
  bool begun = false;
  bool failed = false;    // it has ended with an exception
  bool shielded = false;  // from cancellations of the frame that awaits it
  bool ended_by_cancelling : 1 = false;  // the exception is a Cancelled
  bool ending : 1 = false;               // its chain is being destroyed
  bool handed_over : 1 = false;          // to a group or a loop, which may refuse it
  bool of_closure : 1 = false;           // a coroutine of a lambda with captures
  bool of_temporary : 1 = false;         // it has a parameter T&&
  std::source_location function;

  TaskFrame() noexcept {}
  ~TaskFrame() {
    if (failed) std::destroy_at(&exception_);
  }
  TaskFrame(const TaskFrame&) = delete;
  TaskFrame& operator=(const TaskFrame&) = delete;

  /// Each promise begins with this, and no promise has a stricter alignment than the
  /// compiler's own part of the frame.
  [[nodiscard]] std::coroutine_handle<> handle() noexcept {
    return std::coroutine_handle<TaskFrame>::from_promise(*this);
  }
  /// Null for a root.
  [[nodiscard]] TaskFrame* parent() const noexcept {
    const ListLink<InScope>& link = *this;
    return link.next ? nullptr : static_cast<TaskFrame*>(link.previous);
  }
  /// Of a frame that is in no list of a scope.
  void set_parent(TaskFrame* frame) noexcept { ListLink<InScope>::previous = frame; }

  /// What the frame awaits; null while it runs, and when it has ended.
  [[nodiscard]] Suspension* suspension() const noexcept {
    return failed ? nullptr : suspension_;
  }
  void wait_for(Suspension* suspension) noexcept { suspension_ = suspension; }

  /// Of a frame that has failed.
  [[nodiscard]] const std::exception_ptr& exception() const noexcept {
    return exception_;
  }
  void fail(std::exception_ptr exception) noexcept {
    std::construct_at(&exception_, std::move(exception));
    failed = true;
  }
  void rethrow_failure() const {
    if (failed) std::rethrow_exception(exception_);
  }
  /// Keeps the current exception. Lets the unwinding of a thread's cancellation pass.
  void keep_exception();

  /// Destroys the coroutine where it is suspended.
  void destroy() noexcept {
    const std::coroutine_handle<> coroutine = handle();
    if (!coroutine.done()) return destroy_unfinished();
    coroutine.destroy();
  }
  /// The result is there: goes on with the parent, or ends the root.
  inline void finish() noexcept;

 private:
  void destroy_unfinished() noexcept;

  union {
    Suspension* suspension_ = nullptr;
    std::exception_ptr exception_;
  };
};

/// What a suspended frame waits for. Lives in that frame, or in a temporary beside the
/// co_await, and so ends with it.
class TORNADO_API Suspension {
 public:
  Suspension(const Suspension&) = delete;
  Suspension& operator=(const Suspension&) = delete;

  /// Ends the wait of a cancelled task. True: without a result, and the await throws.
  /// False: the result comes, or the end of what was waited for.
  virtual bool withdraw() noexcept = 0;
  /// The frame that is awaited, if this awaits one.
  [[nodiscard]] virtual TaskFrame* child() const noexcept { return nullptr; }
  /// The scope whose tasks are awaited, if they end with this.
  [[nodiscard]] virtual TaskScope* scope() const noexcept { return nullptr; }
  /// The awaited frame was destroyed.
  virtual void forget_child() noexcept {}
  /// In a forked child that takes the loop over.
  virtual void after_fork() noexcept {}
  /// "sleep", "readable fd 7"
  [[nodiscard]] virtual std::string describe() const = 0;

  TaskFrame* frame = nullptr;  // the one that waits
  bool over = false;           // the wait; the frame is about to go on
  bool cancelled = false;      // without a result

 protected:
  Suspension() noexcept = default;
  ~Suspension() = default;

  /// The result is there: the frame goes on after the callbacks of this turn, or, when
  /// a task calls this, of the next turn.
  void resume() noexcept;
  /// The same, for an event that the loop hands to its handler: the frame goes on when
  /// the handler has returned.
  void resume_after_event() noexcept;
};

}  // namespace tornado::detail
