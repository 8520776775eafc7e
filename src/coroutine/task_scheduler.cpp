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
  frame.exception = std::make_exception_ptr(Cancelled(frame.scope->why()));
  frame.ended_by_cancelling = true;
}

}  // namespace

// No exception can be had of what unwinds a thread that is cancelled or exits.
void TaskFrame::keep_exception() {
  exception = std::current_exception();
  if (!exception) throw;
  const std::type_info* const type = abi::__cxa_current_exception_type();
  ended_by_cancelling = type && *type == typeid(Cancelled);
  scope->scheduler()->note(*this);
}

void Suspension::resume() noexcept {
  over = true;
  frame->scope->scheduler()->make_ready(*frame);
}

// Scopes.

TaskScope::TaskScope(TaskScheduler& scheduler, TaskFrame* owner) noexcept
    : scheduler_(scheduler.closed_ ? nullptr : &scheduler), owner_(owner) {
  if (scheduler_) link_behind(scheduler.scopes_);
}

TaskScope::~TaskScope() {
  destroy_tasks();
}

void TaskScope::adopt(TaskFrame& root) noexcept {
  root.scope = this;
  static_cast<ListLink<InScope>&>(root).link_behind(roots_);
  ++size_;
  scheduler_->resize(1);
}

void TaskScope::start_all() noexcept {
  for (auto* link = roots_.next; link != &roots_; link = link->next) {
    scheduler_->run_soon(static_cast<TaskFrame&>(*link));
  }
}

void TaskScope::release(TaskFrame& root) noexcept {
  static_cast<ListLink<InScope>&>(root).unlink();
  --size_;
  scheduler_->resize(-1);
}

void TaskScope::destroy_tasks() noexcept {
  while (roots_.linked()) destroy_chain(static_cast<TaskFrame&>(*roots_.previous));
}

void TaskScope::destroy_chain(TaskFrame& root) noexcept {
  release(root);
  scheduler_->destroy(root);
}

void TaskScope::cancel(const Cancelled& why) noexcept {
  if (cancelled_ || !scheduler_) return;
  cancelled_ = true;
  why_ = why;
  scheduler_->stop_later(stop_);
  scheduler_->tell_cancelled(*this);
}

void TaskScope::cancel_and_stop(const Cancelled& why) noexcept {
  TaskScheduler* const tasks = scheduler_;
  cancel(why);
  if (tasks) tasks->call_stops();
}

void TaskScope::reset(bool cancelled) noexcept {
  cancelled_ = cancelled;
  stop_.source = std::stop_source(std::nostopstate);
}

std::stop_token TaskScope::stop_token() {
  if (!stop_.source.stop_possible()) stop_.source = std::stop_source();
  if (cancelled_) stop_.source.request_stop();
  return stop_.source.get_token();
}

void TaskScope::withdraw_all() noexcept {
  for (auto* link = roots_.next; link != &roots_; link = link->next) {
    TaskFrame* frame = static_cast<TaskFrame*>(link);
    const auto child = [&frame] {
      return frame->suspension ? frame->suspension->child() : nullptr;
    };
    while (TaskFrame* const below = child()) {
      frame = below;
      if (below->shielded) break;
    }
    if (!frame->shielded) scheduler_->withdraw(*frame);
  }
}

// The scheduler.

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
    if (!root.exception || (cancelled() && root.ended_by_cancelling)) return;
    scheduler()->report(root.function, root.exception);
  }
};

/// What has to be true again when no task runs, also after an exception.
class TaskScheduler::Running {
 public:
  explicit Running(TaskScheduler& scheduler) noexcept : scheduler_(scheduler) {
    scheduler_.running_tasks_ = true;
    scheduler_.budget_ = budget;
  }
  ~Running() {
    scheduler_.running_tasks_ = false;
    scheduler_.running_ = nullptr;
    scheduler_.trace_->clear();
    while (scheduler_.soon_.linked()) {
      scheduler_.soon_.next->link_behind(scheduler_.ready_);
    }
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

void TaskScheduler::check_start(std::string_view act, TaskFrame* task) const {
  check_thread(act);
  check_task(act, task);
}

void TaskScheduler::check_thread(std::string_view act) const {
  loop_.impl_->check(act);
}

TaskScheduler& TaskScheduler::for_scope(IOLoop& loop, std::string_view act) {
  if (loop.handle().runs_elsewhere()) throw_error(Errc::wrong_thread, act);
  return of(loop);
}

void TaskScheduler::take_stop() noexcept {
  (void)loop_.impl_->mailbox->take_stop();
}

void TaskScheduler::check_task(std::string_view act, TaskFrame* task) {
  const auto refuse = [&](const char* why) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                std::string(act) + why);
  };
  if (!task) refuse(": empty task");
  task->handed_over = true;
  if (task->of_closure) {
    refuse(
        ": task of a lambda with captures, which end with the lambda; pass the "
        "lambda itself");
  }
  if (task->of_temporary) {
    refuse(
        ": task of a function with a parameter T&&, whose argument may end before "
        "the task begins; take T instead");
  }
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
  trace_->note(frame.exception, frame);
}

std::unique_ptr<TaskTrace> TaskScheduler::trace_of(const TaskScheduler* tasks,
                                                   const TaskFrame& root) noexcept {
  std::unique_ptr<TaskTrace> trace(new (std::nothrow) TaskTrace);
  if (!trace) return trace;
  if (tasks && tasks->trace_->is_of(root.exception)) *trace = *tasks->trace_;
  if (!trace->is_of(root.exception)) trace->note(root.exception, root);
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
  while (ready_.linked()) ready_.next->link_behind(batch_);
}

bool TaskScheduler::run_next() {
  if (!unseen_.empty()) {
    trace_ = std::move(unseen_.front());
    unseen_.erase(unseen_.begin());
    report({}, trace_->exception());
    return true;
  }
  if (!batch_.linked()) return false;
  auto& first = static_cast<TaskFrame&>(*batch_.next);
  batch_.next->unlink();
  run(first);
  return true;
}

// A task that was cancelled before it began never runs.
inline void TaskScheduler::step(TaskFrame& frame) {
  if (!frame.begun && frame.scope->cancelled()) [[unlikely]] {
    never_begin(frame);
    return end(frame);
  }
  frame.begun = true;
  running_ = &frame;
  frame.handle.resume();
  running_ = nullptr;
}

void TaskScheduler::at_turn_end(TurnEnd& act) noexcept {
  act.link_behind(turn_end_);
}

void TaskScheduler::end_turn() noexcept {
  while (turn_end_.linked()) {
    auto& first = static_cast<TurnEnd&>(*turn_end_.next);
    first.unlink();
    first.on_turn_end();
  }
}

void TaskScheduler::run(TaskFrame& first) {
  const Running during(*this);
  next_ = &first;
  for (;;) {
    if (next_) {
      step(*std::exchange(next_, nullptr));
    } else if (ended_) {
      TaskFrame& root = *std::exchange(ended_, nullptr);
      root.scope->release(root);
      root.scope->on_end(root);
    } else if (soon_.linked() && loop_.impl_->mailbox->ours()) {
      next_ = static_cast<TaskFrame*>(soon_.next);
      soon_.next->unlink();
    } else {
      return;
    }
    if (stopping_.linked()) call_stops();
  }
}

void TaskScheduler::after_fork() noexcept {
  own_executor_.reset();
  for (auto* link = scopes_.next; link != &scopes_; link = link->next) {
    const auto& scope = static_cast<const TaskScope&>(*link);
    for (auto* root = scope.roots_.next; root != &scope.roots_; root = root->next) {
      Suspension* wait = static_cast<TaskFrame*>(root)->suspension;
      while (wait && wait->child()) wait = wait->child()->suspension;
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
  for (const auto& trace : std::exchange(unseen_, {})) log_unseen(trace.get());
}

void TaskScheduler::spawn(TaskFrame& root) noexcept {
  detached_->adopt(root);
  make_ready(root);
}

// Only the thread of the loop writes it.
void TaskScheduler::resize(int by) noexcept {
  const std::uint64_t size = size_.load(std::memory_order_relaxed);
  size_.store(size + static_cast<std::uint64_t>(by), std::memory_order_relaxed);
}

void TaskScheduler::run_soon(TaskFrame& frame) noexcept {
  link(frame).link_behind(running_tasks_ ? soon_ : ready_);
}

static TaskFrame* last_of(TaskFrame* frame) noexcept {
  while (frame->suspension && frame->suspension->child()) {
    frame = frame->suspension->child();
  }
  return frame;
}

static void destroy_from(TaskFrame* last) noexcept {
  for (TaskFrame* frame = last; frame; frame = frame->parent) frame->ending = true;
  while (last) {
    TaskFrame* const parent = last->parent;
    if (parent) parent->suspension->forget_child();
    last->destroy();
    last = parent;
  }
}

// From the last frame up, and first the tasks of the scope that it waits for, so that
// neither long chains nor scopes within scopes need stack. What is about to be
// destroyed has left its scope, since destructors may come back here. A chain that runs
// cannot be destroyed: it goes on as a cancelled task of the loop.
void TaskScheduler::destroy(TaskFrame& top) noexcept {
  for (TaskFrame *first = &top, *last = last_of(first);;) {
    TaskScope* const below = last->suspension ? last->suspension->scope() : nullptr;
    if (below && below->roots_.linked()) {
      first = static_cast<TaskFrame*>(below->roots_.previous);
      last = last_of(first);
      below->release(*first);
      continue;
    }
    TaskFrame* const owner = first == &top ? nullptr : first->scope->owner_;
    if (last == running_) {
      abandon(*first);
    } else {
      destroy_from(last);
    }
    if (!owner) return;
    first = last = owner;
    while (first->parent) first = first->parent;
  }
}

// Each task of the chain has to find the new scope, save where it is shielded.
void TaskScheduler::abandon(TaskFrame& root) noexcept {
  abandoned_->adopt(root);
  for (TaskFrame* frame = &root; frame && !frame->shielded;) {
    frame->scope = abandoned_.get();
    frame = frame->suspension ? frame->suspension->child() : nullptr;
  }
}

// A wait for the tasks of another scope cancels that, and so comes back here: without a
// list, scopes within scopes would need stack.
void TaskScheduler::tell_cancelled(TaskScope& scope) noexcept {
  scope.next_cancelled_ = std::exchange(cancelled_, &scope);
  if (std::exchange(telling_, true)) return;
  while (cancelled_) {
    TaskScope& first = *std::exchange(cancelled_, cancelled_->next_cancelled_);
    first.withdraw_all();
  }
  telling_ = false;
}

void TaskScheduler::withdraw(TaskFrame& frame) noexcept {
  Suspension* const wait = frame.suspension;
  if (!wait || wait->over || !wait->withdraw()) return;
  wait->cancelled = wait->over = true;
  make_ready(frame);
}

void TaskScheduler::stop_later(StopRequest& stop) noexcept {
  if (stop.source.stop_possible()) stop.link_behind(stopping_);
}

// A callback may end what has asked for the stop, and the loop.
void TaskScheduler::call_stops() noexcept {
  ListLink<StopRequest> all;
  while (stopping_.linked()) stopping_.next->link_behind(all);
  while (all.linked()) {
    auto source = static_cast<StopRequest&>(*all.next).source;
    all.next->unlink();
    source.request_stop();
  }
}

}  // namespace detail
}  // namespace tornado
