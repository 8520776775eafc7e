// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The parts of a task that the compiler has to see. Programs use tornado/task.h.

#include <atomic>
#include <chrono>
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
#include "tornado/task_frame.h"
#include "tornado/task_info.h"

namespace tornado {

class Executor;
class IOLoop;

namespace detail {

class PendingCalls;
class ReadinessTable;
class SignalTable;
class TaskScheduler;
class TaskTrace;
class TurnEnd;

struct InScheduler {};

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
  List<InScope> roots_;
  std::size_t size_ = 0;
  TaskScope* next_cancelled_ = nullptr;
  bool cancelled_ = false;
  Cancelled why_;
  StopRequest stop_;  // without a source until it is asked for
};

/// The tasks of one loop. A coroutine that awaits another runs it at once, on top of
/// itself, while few run so. Otherwise a coroutine that awaits another, or ends, only
/// names the next frame: symmetric transfer would need stack in unoptimised builds.
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
    return ready_.linked() || batch_.linked() || woken_.linked() || !unseen_.empty();
  }
  /// The tasks that are ready now are those of this turn, which begins at `now`.
  void begin_turn(std::chrono::nanoseconds now) noexcept;
  /// Runs those of this turn, up to the next failure to report. False if there are
  /// none.
  bool run_some();
  /// Whether the event that was handled last has woken tasks.
  [[nodiscard]] bool has_woken() const noexcept { return woken_.linked(); }
  /// Runs them, up to the next failure to report.
  void run_woken();
  void end_turn() noexcept;
  void after_fork() noexcept;
  void close_executor() noexcept;
  /// Destroys all tasks, the newest scopes first.
  void close() noexcept;

  void at_turn_end(TurnEnd& act) noexcept;
  void go_on_with(TaskFrame& frame) noexcept { next_ = &frame; }
  /// `parent`, which runs, awaits `child`. False if that has ended.
  bool begin_child(TaskFrame& child, TaskFrame& parent);
  void end(TaskFrame& root) noexcept { ended_ = &root; }
  /// `frame` runs with the tasks of this turn or of the next.
  void make_ready(TaskFrame& frame) noexcept { link(frame).link_behind(ready_); }
  /// `frame` runs when the handler of the event has returned.
  void make_woken(TaskFrame& frame) noexcept { link(frame).link_behind(woken_); }
  /// `frame` runs before the loop's turn goes on.
  void run_soon(TaskFrame& frame) noexcept;
  /// Ends the wait of a suspended frame whose scope is cancelled, if it can.
  void withdraw(TaskFrame& frame) noexcept;
  void stop_later(StopRequest& stop) noexcept;
  /// Whether a task that does not suspend may go on, or must let the loop look first.
  [[nodiscard]] bool may_go_on(int cost = usual_cost) noexcept {
    return (budget_ -= cost) > 0;
  }
  [[nodiscard]] bool has_budget(int cost) const noexcept { return budget_ > cost; }
  /// The await that follows costs as much as others.
  void spend() noexcept {
    if (budget_ > 0) budget_ -= usual_cost;
  }
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
  static void check_task(std::string_view act, TaskFrame* task) {
    if (!task || task->of_closure || task->of_temporary) refuse(act, task);
    task->handed_over = true;
  }
  /// The same, and unless this thread may start a task on this loop now.
  void check_start(const char* act, TaskFrame* task) const;
  void check_thread(const char* act) const;
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
  [[noreturn]] static void refuse(std::string_view act, TaskFrame* task);
  void run_all(List<InReadyList>& list);
  void step(TaskFrame& frame);
  void end_of(TaskFrame& root);
  void postpone(TaskFrame& child) noexcept;
  void abandon(TaskFrame& root) noexcept;
  void tell_cancelled(TaskScope& scope) noexcept;
  void call_stops() noexcept;
  static TaskInfo info_of(const TaskFrame& root, const TaskScope& scope,
                          std::uint32_t now);
  static std::uint32_t in_milliseconds(std::chrono::nanoseconds time) noexcept;

  // Only the thread of the loop writes it.
  void resize(std::int64_t by) noexcept {
    const std::uint64_t size = size_.load(std::memory_order_relaxed);
    size_.store(size + static_cast<std::uint64_t>(by), std::memory_order_relaxed);
  }
  static constexpr int usual_cost = 8;
  static constexpr int budget = 256 * usual_cost;
  static constexpr int most_nested = 4;

  IOLoop& loop_;
  TaskFrame* next_ = nullptr;
  TaskFrame* ended_ = nullptr;
  TaskFrame* running_ = nullptr;
  int budget_ = budget;
  int nestable_ = most_nested;  // more frames on top of the one that runs
  bool running_tasks_ = false;
  bool timed_ = false;  // now_ is of this turn
  std::uint32_t now_ = 0;
  std::atomic<std::uint64_t> size_{0};
  List<InReadyList> ready_;
  List<InReadyList> batch_;  // of this turn
  List<InReadyList> woken_;  // by the event that is handled
  List<InReadyList> soon_;
  List<InScheduler> scopes_;
  List<TurnEnd> turn_end_;
  TaskScope* cancelled_ = nullptr;  // those whose tasks are still to be told
  List<StopRequest> stopping_;
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

inline void TaskScope::adopt(TaskFrame& root) noexcept {
  root.scope = this;
  static_cast<ListLink<InScope>&>(root).link_behind(roots_);
  ++size_;
  scheduler_->resize(1);
}

inline void TaskScope::release(TaskFrame& root) noexcept {
  static_cast<ListLink<InScope>&>(root).unlink();
  --size_;
  scheduler_->resize(-1);
}

inline bool TaskScheduler::begin_child(TaskFrame& child, TaskFrame& parent) {
  child.begun = true;
  if (!may_go_on() || nestable_ == 0) [[unlikely]] {
    postpone(child);
    return true;
  }
  --nestable_;
  running_ = &child;
  child.handle().resume();
  ++nestable_;
  if (next_ != &parent) return true;
  next_ = nullptr;
  running_ = &parent;
  return false;
}

inline void TaskFrame::finish() noexcept {
  if (TaskFrame* const awaiting = parent()) {
    scope->scheduler()->go_on_with(*awaiting);
  } else {
    scope->scheduler()->end(*this);
  }
}

/// Destroys a task that was never awaited. A library with assertions logs a warning.
TORNADO_API void discard(TaskFrame& frame) noexcept;

TORNADO_API LoopHandle loop_handle(const TaskFrame& frame);
[[noreturn]] TORNADO_API void throw_no_task(std::source_location where);

}  // namespace detail
}  // namespace tornado
