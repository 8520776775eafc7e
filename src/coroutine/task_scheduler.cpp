// SPDX-License-Identifier: Apache-2.0
#include <cxxabi.h>

#include <memory>
#include <typeinfo>

#include "coroutine/readiness.h"
#include "coroutine/signal_table.h"
#include "coroutine/task_trace.h"
#include "coroutine/turn_end.h"
#include "loop/loop_core.h"
#include "platform/log.h"
#include "platform/system_error.h"
#include "tornado/coroutine_frame.h"
#include "tornado/executor.h"
#include "tornado/task.h"

namespace tornado {

const char* Cancelled::what() const noexcept {
  switch (reason) {
    case CancelReason::requested:
      return "the task was cancelled";
    case CancelReason::timed_out:
      return "the task was cancelled by a deadline";
    case CancelReason::not_needed:
      return "the task was cancelled, as another one ended";
    case CancelReason::other_failed:
      return "the task was cancelled, as another one failed";
  }
  return "the task was cancelled";
}

namespace detail {

namespace {

void never_begin(TaskFrame& frame) {
  frame.fail(std::make_exception_ptr(Cancelled(frame.scope->why())));
  frame.ended_by_cancelling = true;
}

}  // namespace

// No exception can be had of what unwinds a thread that is cancelled or exits.
void TaskFrame::keep_exception() {
  std::exception_ptr exception = std::current_exception();
  if (!exception) {
    wait_for(nullptr);  // for a child that the unwinding has destroyed
    throw;
  }
  fail(std::move(exception));
  const std::type_info* const type = abi::__cxa_current_exception_type();
  ended_by_cancelling = type && *type == typeid(Cancelled);
  scope->scheduler()->note(*this);
}

void Suspension::resume() noexcept {
  over = true;
  frame->scope->scheduler()->make_ready(*frame);
}

void Suspension::resume_after_event() noexcept {
  over = true;
  frame->scope->scheduler()->make_woken(*frame);
}

/// Tasks that the loop alone owns.
class TaskScheduler::Detached final : public TaskScope {
 public:
  Detached(TaskScheduler& scheduler, bool cancelled) : TaskScope(scheduler, nullptr) {
    reset(cancelled);
  }

 private:
  void on_end(TaskFrame& root) override {
    struct Destroyed {
      TaskFrame& frame;
      ~Destroyed() { frame.destroy(); }
    } const at_the_end{root};
    if (!root.failed || (cancelled() && root.ended_by_cancelling)) return;
    scheduler()->report(root.function, root.exception());
  }
};

/// What has to be true again when no task runs, also after an exception.
class TaskScheduler::Running {
 public:
  explicit Running(TaskScheduler& scheduler) noexcept : scheduler_(scheduler) {
    scheduler_.running_tasks_ = true;
  }
  ~Running() {
    scheduler_.running_tasks_ = false;
    scheduler_.running_ = nullptr;
    scheduler_.trace_->clear();
    scheduler_.ready_.take_all(scheduler_.soon_);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  TaskScheduler& scheduler_;
};

TaskScheduler::TaskScheduler(IOLoop& loop)
    : loop_(loop),
      trace_(std::make_unique<TaskTrace>()),
      detached_(std::make_unique<Detached>(*this, false)),
      abandoned_(std::make_unique<Detached>(*this, true)) {}

TaskScheduler::~TaskScheduler() = default;

TaskScheduler& TaskScheduler::of(IOLoop& loop) noexcept {
  return loop.impl_->tasks;
}

PendingCalls& TaskScheduler::calls_of(IOLoop& loop) noexcept {
  return loop.impl_->calls;
}

TaskScope& TaskScheduler::shield() noexcept {
  return *detached_;
}

ReadinessTable& TaskScheduler::readiness() {
  if (!readiness_) readiness_ = std::make_unique<ReadinessTable>(loop_);
  return *readiness_;
}

SignalTable& TaskScheduler::signal_table() {
  if (!signals_) signals_ = std::make_unique<SignalTable>(loop_);
  return *signals_;
}

Executor& TaskScheduler::executor() {
  if (executor_) return *executor_;
  if (!own_executor_) own_executor_ = std::make_unique<Executor>();
  return *own_executor_;
}

bool TaskScheduler::runs_here() const noexcept {
  return loop_.impl_->mailbox->runs_here();
}

void TaskScheduler::check_start(const char* act, TaskFrame* task) const {
  check_thread(act);
  check_task(act, task);
}

void TaskScheduler::check_thread(const char* act) const {
  if (!loop_.impl_->usable_here()) loop_.impl_->refuse(act);
}

TaskScheduler& TaskScheduler::for_scope(IOLoop& loop, std::string_view act) {
  if (loop.handle().runs_elsewhere()) throw_error(Errc::wrong_thread, act);
  return of(loop);
}

void TaskScheduler::take_stop() noexcept {
  (void)loop_.impl_->mailbox->take_stop();
}

void TaskScheduler::refuse(std::string_view act, TaskFrame* task) {
  const char* why = ": empty task";
  if (task) {
    task->handed_over = true;
    why = task->of_closure
              ? ": task of a lambda with captures, which end with the lambda; pass "
                "the lambda itself"
              : ": task of a function with a parameter T&&, whose argument may end "
                "before the task begins; take T instead";
  }
  throw_error(std::make_error_code(std::errc::invalid_argument),
              std::string(act) + why);
}

void TaskScheduler::report(const std::source_location& function,
                           const std::exception_ptr& failure) {
  const std::string trace = trace_->text(failure);
  try {
    std::rethrow_exception(failure);
  } catch (...) {
    loop_.impl_->on_exception(function, trace);
  }
}

void TaskScheduler::note(const TaskFrame& frame) noexcept {
  trace_->note(frame.exception(), frame);
}

std::unique_ptr<TaskTrace> TaskScheduler::trace_of(const TaskScheduler* tasks,
                                                   const TaskFrame& root) noexcept {
  std::unique_ptr<TaskTrace> trace(new (std::nothrow) TaskTrace);
  if (!trace) return trace;
  if (tasks && tasks->trace_->is_of(root.exception())) *trace = *tasks->trace_;
  if (!trace->is_of(root.exception())) trace->note(root.exception(), root);
  return trace;
}

static void log_unseen(const TaskTrace* trace) noexcept {
  try {
    if (!trace) throw std::bad_alloc();
    const std::string text = trace->text();
    try {
      trace->rethrow();
    } catch (...) {
      log_exception({}, text);
    }
  } catch (const std::bad_alloc&) {
    log(LogLevel::error, "Exception in task, and no memory to tell which");
  }
}

void TaskScheduler::report_later(TaskScheduler* tasks,
                                 std::unique_ptr<TaskTrace> trace) noexcept {
  if (!tasks || !trace) return log_unseen(trace.get());
  try {
    tasks->unseen_.push_back(std::move(trace));
  } catch (...) {
    log_unseen(trace.get());
  }
}

void TaskScheduler::restore(std::unique_ptr<TaskTrace> trace) noexcept {
  if (trace) trace_ = std::move(trace);
}

std::uint32_t TaskScheduler::in_milliseconds(std::chrono::nanoseconds time) noexcept {
  return static_cast<std::uint32_t>(time / std::chrono::milliseconds(1));
}

void TaskScheduler::begin_turn(std::chrono::nanoseconds now) noexcept {
  now_ = in_milliseconds(now);
  timed_ = true;
  batch_.take_all(ready_);
}

// A task that was cancelled before it began never runs.
inline void TaskScheduler::step(TaskFrame& frame) {
  if (!frame.begun && frame.scope->cancelled()) [[unlikely]] {
    never_begin(frame);
    return end(frame);
  }
  frame.begun = true;
  running_ = &frame;
  frame.handle().resume();
  running_ = nullptr;
}

// Until no task of the chain can go on, nor any that was to run soon.
inline void TaskScheduler::run(TaskFrame& first) {
  budget_ = budget;
  nestable_ = most_nested;
  step(first);
  for (;;) {
    if (stopping_.linked()) call_stops();
    if (next_) {
      step(*std::exchange(next_, nullptr));
    } else if (ended_) {
      end_of(*std::exchange(ended_, nullptr));
    } else if (soon_.linked() && loop_.impl_->mailbox->ours()) {
      auto& frame = static_cast<TaskFrame&>(*soon_.next);
      link(frame).unlink();
      step(frame);
    } else {
      return trace_->clear();
    }
  }
}

inline void TaskScheduler::end_of(TaskFrame& root) {
  TaskScope& scope = *root.scope;
  scope.release(root);
  scope.on_end(root);
}

bool TaskScheduler::run_some() {
  if (!unseen_.empty()) {
    trace_ = std::move(unseen_.front());
    unseen_.erase(unseen_.begin());
    report({}, trace_->exception());
    return true;
  }
  if (!batch_.linked()) return false;
  run_all(batch_);
  return true;
}

void TaskScheduler::run_woken() {
  if (!std::exchange(timed_, true)) {
    now_ = in_milliseconds(loop_.impl_->now().time_since_epoch());
  }
  run_all(woken_);
}

// Up to the next failure to report.
inline void TaskScheduler::run_all(List<InReadyList>& list) {
  const Running during(*this);
  do {
    auto& first = static_cast<TaskFrame&>(*list.next);
    link(first).unlink();
    run(first);
  } while (list.linked() && unseen_.empty() && loop_.impl_->goes_on());
}

void TaskScheduler::at_turn_end(TurnEnd& act) noexcept {
  act.link_behind(turn_end_);
}

void TaskScheduler::end_turn() noexcept {
  timed_ = false;
  List<TurnEnd> now;  // one may put itself off to the next turn
  now.take_all(turn_end_);
  while (now.linked()) {
    auto& first = static_cast<TurnEnd&>(*now.next);
    first.unlink();
    first.on_turn_end();
  }
}

void TaskScheduler::after_fork() noexcept {
  own_executor_.reset();
  for (auto* link = scopes_.next; link != &scopes_; link = link->next) {
    const auto& scope = static_cast<const TaskScope&>(*link);
    for (auto* root = scope.roots_.next; root != &scope.roots_; root = root->next) {
      Suspension* wait = static_cast<TaskFrame*>(root)->suspension();
      while (wait && wait->child()) wait = wait->child()->suspension();
      if (wait) wait->after_fork();
    }
  }
}

void TaskScheduler::close_executor() noexcept {
  closed_ = true;
  own_executor_.reset();
}

void TaskScheduler::close() noexcept {
  while (scopes_.linked()) {
    auto& scope = static_cast<TaskScope&>(*scopes_.previous);
    if (scope.roots_.linked()) {
      // Which may own the scope, and end it.
      scope.destroy_chain(static_cast<TaskFrame&>(*scope.roots_.previous));
    } else {
      scope.scheduler_ = nullptr;
      static_cast<ListLink<InScheduler>&>(scope).unlink();
    }
  }
  end_turn();
  for (const auto& trace : std::exchange(unseen_, {})) log_unseen(trace.get());
}

void TaskScheduler::spawn(TaskFrame& root) noexcept {
  detached_->adopt(root);
  make_ready(root);
}

// A frame that has spent its budget lets the loop look first.
void TaskScheduler::postpone(TaskFrame& child) noexcept {
  if (budget_ > 0) return go_on_with(child);
  make_ready(child);
}

void TaskScheduler::run_soon(TaskFrame& frame) noexcept {
  link(frame).link_behind(running_tasks_ ? soon_ : ready_);
}

// Each task of the chain has to find the new scope, save where it is shielded.
void TaskScheduler::abandon(TaskFrame& root) noexcept {
  abandoned_->adopt(root);
  for (TaskFrame* frame = &root; frame && !frame->shielded;) {
    frame->scope = abandoned_.get();
    const Suspension* const wait = frame->suspension();
    frame = wait ? wait->child() : nullptr;
  }
}

}  // namespace detail
}  // namespace tornado
