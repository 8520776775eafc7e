// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The parts of a task that the compiler has to see. Programs use tornado/task.h.

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tornado/cancelled.h"
#include "tornado/intrusive_list.h"
#include "tornado/loop_handle.h"
#include "tornado/native.h"
#include "tornado/task_info.h"

namespace tornado {

class Executor;
class IOLoop;

namespace detail {

class PendingCalls;
class ReadinessTable;
class SignalTable;
class Suspension;
class TaskScheduler;
class TaskScope;
class TaskTrace;
class TurnEnd;

struct InScope {};
struct InReadyList {};
struct InScheduler {};

/// What is known of a coroutine whatever its result: the base of each promise.
///
/// A frame is awaited by its parent, or is a root, which a scope owns. The frames from
/// a root to the one that is suspended or runs are a chain. Cancelling, closing and
/// reporting walk over these links; there are no tokens, slots or registries.
struct TORNADO_API TaskFrame : ListLink<InScope>, ListLink<InReadyList> {
  std::coroutine_handle<> handle;
  TaskFrame* parent = nullptr;       // null for a root
  TaskScope* scope = nullptr;        // null before the first resumption
  Suspension* suspension = nullptr;  // what the frame awaits; null while it runs
  std::source_location function;
  std::source_location where;  // of the last await
  std::exception_ptr exception;
  std::uint32_t since = 0;  // when the wait began, in milliseconds
  bool begun = false;
  bool of_closure = false;           // a coroutine of a lambda with captures
  bool of_temporary = false;         // it has a parameter T&&
  bool handed_over = false;          // to a group or a loop, which may refuse it
  bool ended_by_cancelling = false;  // the exception is a Cancelled
  bool ending = false;               // its chain is being destroyed
  bool shielded = false;             // from cancellations of the frame that awaits it

  /// Keeps the current exception. Lets the unwinding of a thread's cancellation pass.
  void keep_exception();
  /// Destroys the coroutine where it is suspended.
  void destroy() noexcept;
  /// The result is there: goes on with the parent, or ends the root.
  inline void finish() noexcept;
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
};

/// Owns root tasks, and cancels them together. Destroying one destroys its tasks, the
/// newest first, and of each chain the last frame first.
class TORNADO_API TaskScope : ListLink<InScheduler> {
 public:
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;

  /// Takes `root` over. It runs when the scheduler is told so.
  void adopt(TaskFrame& root) noexcept;
  void start_all() noexcept;
  /// Idempotent; the first reason stays. The scheduler stops the tokens later.
  void cancel(const Cancelled& why) noexcept;
  /// Stops the tokens before it returns: their callbacks may have destroyed this.
  void cancel_and_stop(const Cancelled& why) noexcept;
  void destroy_tasks() noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }
  [[nodiscard]] const Cancelled& why() const noexcept { return why_; }
  [[nodiscard]] TaskScheduler* scheduler() const noexcept { return scheduler_; }
  /// Stopped when the scope is cancelled.
  [[nodiscard]] std::stop_token stop_token();
  /// The frame that waits for the tasks of this scope, if one does.
  [[nodiscard]] TaskFrame* owner() const noexcept { return owner_; }

 protected:
  TaskScope(TaskScheduler& scheduler, TaskFrame* owner) noexcept;
  ~TaskScope();

  /// A root has ended, with an exception or a result. It left the scope, and is to be
  /// destroyed.
  virtual void on_end(TaskFrame& root) = 0;

  /// Begins again, with tokens that are not stopped, unless `cancelled`.
  void reset(bool cancelled = false) noexcept;

 private:
  friend class TaskScheduler;
  void release(TaskFrame& root) noexcept;
  void destroy_chain(TaskFrame& root) noexcept;
  void withdraw_all() noexcept;

  TaskScheduler* scheduler_;  // null once the loop is closed
  TaskFrame* const owner_;
  ListLink<InScope> roots_;
  std::size_t size_ = 0;
  TaskScope* next_cancelled_ = nullptr;
  bool cancelled_ = false;
  Cancelled why_;
  StopRequest stop_;  // without a source until it is asked for
};

/// The tasks of one loop. Runs a task without nesting: a coroutine that awaits another,
/// or ends, only names the next frame. Symmetric transfer would need stack in
/// unoptimised builds.
class TORNADO_API TaskScheduler {
 public:
  explicit TaskScheduler(IOLoop& loop);
  ~TaskScheduler();
  TaskScheduler(const TaskScheduler&) = delete;
  TaskScheduler& operator=(const TaskScheduler&) = delete;

  [[nodiscard]] IOLoop& loop() const noexcept { return loop_; }
  [[nodiscard]] static TaskScheduler& of(IOLoop& loop) noexcept;
  [[nodiscard]] static PendingCalls& calls_of(IOLoop& loop) noexcept;

  [[nodiscard]] bool has_ready() const noexcept {
    return ready_.linked() || batch_.linked() || !unseen_.empty();
  }
  /// The tasks that are ready now are those of this turn, which begins at `now`.
  void begin_turn(std::chrono::nanoseconds now) noexcept;
  /// Runs one of this turn, or reports a failure. False if there is none.
  bool run_next();
  void end_turn() noexcept;
  void after_fork() noexcept;
  void close_executor() noexcept;
  /// Destroys all tasks, the newest scopes first.
  void close() noexcept;

  void at_turn_end(TurnEnd& act) noexcept;
  void go_on_with(TaskFrame& frame) noexcept { next_ = &frame; }
  void end(TaskFrame& root) noexcept { ended_ = &root; }
  /// `frame` runs with the tasks of this turn or of the next.
  void make_ready(TaskFrame& frame) noexcept { link(frame).link_behind(ready_); }
  /// `frame` runs before the loop's turn goes on.
  void run_soon(TaskFrame& frame) noexcept;
  /// Ends the wait of a suspended frame whose scope is cancelled, if it can.
  void withdraw(TaskFrame& frame) noexcept;
  void stop_later(StopRequest& stop) noexcept;
  /// Whether a task that does not suspend may go on, or must let the loop look first.
  [[nodiscard]] bool may_go_on() noexcept { return --budget_ > 0; }
  /// The chain that runs ends at this frame; null if none runs.
  [[nodiscard]] TaskFrame* running() const noexcept { return running_; }
  /// The loop owns the task alone, and reports its exception.
  void spawn(TaskFrame& root) noexcept;
  /// Destroys a chain from the last frame up. `top` has no parent and no scope.
  void destroy(TaskFrame& top) noexcept;
  /// Hands the exception of a task to the loop's policy.
  void report(const std::source_location& function, const std::exception_ptr& failure);
  /// The same between two tasks, for what must not throw. Logs without a scheduler.
  static void report_later(TaskScheduler*, std::unique_ptr<TaskTrace>) noexcept;
  /// An exception has left `frame`.
  void note(const TaskFrame& frame) noexcept;
  /// What is known of the exception of `root`, to be kept for later; may be null.
  [[nodiscard]] static std::unique_ptr<TaskTrace> trace_of(
      const TaskScheduler* tasks, const TaskFrame& root) noexcept;
  void restore(std::unique_ptr<TaskTrace> trace) noexcept;
  [[nodiscard]] std::vector<TaskInfo> tasks(std::chrono::nanoseconds now) const;
  /// Throws for no task, and for one of a closure.
  static void check_task(std::string_view act, TaskFrame* task);
  /// The same, and unless this thread may start a task on this loop now.
  void check_start(std::string_view act, TaskFrame* task) const;
  void check_thread(std::string_view act) const;
  /// The scheduler of `loop`. Throws while another thread runs the loop.
  [[nodiscard]] static TaskScheduler& for_scope(IOLoop& loop, std::string_view act);
  void take_stop() noexcept;
  [[nodiscard]] bool runs_here() const noexcept;
  [[nodiscard]] ReadinessTable& readiness();
  [[nodiscard]] SignalTable& signal_table();
  [[nodiscard]] Executor& executor();
  /// A scope that is never cancelled.
  [[nodiscard]] TaskScope& shield() noexcept;
  void set_executor(Executor& executor) noexcept { executor_ = &executor; }
  /// The tasks that have an owner and have not ended. Any thread.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint32_t now() const noexcept { return now_; }

 private:
  friend class TaskScope;
  class Detached;

  static ListLink<InReadyList>& link(TaskFrame& frame) noexcept { return frame; }
  class Running;
  void run(TaskFrame& first);
  void step(TaskFrame& frame);
  void abandon(TaskFrame& root) noexcept;
  void tell_cancelled(TaskScope& scope) noexcept;
  void call_stops() noexcept;
  static TaskInfo info_of(const TaskFrame& root, const TaskScope& scope,
                          std::uint32_t now);
  static std::uint32_t in_milliseconds(std::chrono::nanoseconds time) noexcept;

  void resize(int by) noexcept;
  static constexpr int budget = 256;
  IOLoop& loop_;
  TaskFrame* next_ = nullptr;
  TaskFrame* ended_ = nullptr;
  TaskFrame* running_ = nullptr;
  int budget_ = budget;
  bool running_tasks_ = false;
  std::uint32_t now_ = 0;
  std::atomic<std::uint64_t> size_{0};
  ListLink<InReadyList> ready_;
  ListLink<InReadyList> batch_;  // of this turn
  ListLink<InReadyList> soon_;
  ListLink<InScheduler> scopes_;
  ListLink<TurnEnd> turn_end_;
  TaskScope* cancelled_ = nullptr;  // those whose tasks are still to be told
  ListLink<StopRequest> stopping_;
  std::vector<std::unique_ptr<TaskTrace>> unseen_;  // failures to report
  bool telling_ = false;
  bool closed_ = false;
  std::unique_ptr<TaskTrace> trace_;
  std::unique_ptr<ReadinessTable> readiness_;
  std::unique_ptr<SignalTable> signals_;
  std::unique_ptr<Executor> own_executor_;
  Executor* executor_ = nullptr;
  std::unique_ptr<Detached> detached_;
  std::unique_ptr<Detached> abandoned_;  // cancelled from the first
};

inline void TaskFrame::finish() noexcept {
  if (parent) {
    scope->scheduler()->go_on_with(*parent);
  } else {
    scope->scheduler()->end(*this);
  }
}

/// Frames come from lists of the thread by size, and go back there.
TORNADO_API void* allocate_frame(std::size_t size);
TORNADO_API void free_frame(void* frame, std::size_t size) noexcept;

/// Destroys a task that was never awaited. A library with assertions logs a warning.
TORNADO_API void discard(TaskFrame& frame) noexcept;

TORNADO_API LoopHandle loop_handle(const TaskFrame& frame);
[[noreturn]] TORNADO_API void throw_no_task(const std::source_location& where);

}  // namespace detail
}  // namespace tornado
