// SPDX-License-Identifier: Apache-2.0
#include <cxxabi.h>

#include <memory>
#include <typeinfo>

#include "coroutine/readiness.h"
#include "coroutine/signal_table.h"
#include "coroutine/task_trace.h"
#include "coroutine/turn_end.h"
#include "loop/loop_core.h"
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
  auto stop = stop_ ? *stop_ : std::stop_source(std::nostopstate);
  scheduler_->tell_cancelled(*this);
  stop.request_stop();  // whose callbacks may do anything
}

std::stop_token TaskScope::stop_token() {
  if (!stop_) stop_ = std::make_unique<std::stop_source>();
  if (cancelled_) stop_->request_stop();
  return stop_->get_token();
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
    if (frame->shielded) continue;
    Suspension* const wait = frame->suspension;
    if (!wait || wait->over || !wait->withdraw()) continue;
    wait->cancelled = wait->over = true;
    scheduler_->make_ready(*frame);
  }
}

// The scheduler.

/// Tasks that the loop alone owns.
class TaskScheduler::Detached final : public TaskScope {
 public:
  Detached(TaskScheduler& scheduler, bool cancelled) : TaskScope(scheduler, nullptr) {
    set_cancelled(cancelled);
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

std::unique_ptr<TaskTrace> TaskScheduler::copy_trace() const noexcept {
  return std::unique_ptr<TaskTrace>(new (std::nothrow) TaskTrace(*trace_));
}

void TaskScheduler::restore(std::unique_ptr<TaskTrace> trace) noexcept {
  if (trace) trace_ = std::move(trace);
}

void TaskScheduler::begin_turn(std::chrono::nanoseconds now) noexcept {
  now_ = in_milliseconds(now);
  while (ready_.linked()) ready_.next->link_behind(batch_);
}

bool TaskScheduler::run_next() {
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
    } else if (soon_.linked()) {
      next_ = static_cast<TaskFrame*>(soon_.next);
      soon_.next->unlink();
    } else {
      return;
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
    scope.destroy_tasks();
    scope.scheduler_ = nullptr;
    static_cast<ListLink<InScheduler>&>(scope).unlink();
  }
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

// From the last frame up, so that a long chain needs no stack. A chain that runs cannot
// be destroyed: it goes on as a cancelled task of the loop.
void TaskScheduler::destroy(TaskFrame& top) noexcept {
  TaskFrame* last = &top;
  const auto child = [&] {
    return last->suspension ? last->suspension->child() : nullptr;
  };
  while (TaskFrame* const below = child()) last = below;
  if (last == running_) return abandon(top);
  for (TaskFrame* frame = last; frame; frame = frame->parent) frame->ending = true;
  for (TaskFrame* frame = last; frame;) {
    TaskFrame* const parent = frame->parent;
    if (parent) parent->suspension->forget_child();
    frame->destroy();
    frame = parent;
  }
}

// Each task of the chain has to find the new scope.
void TaskScheduler::abandon(TaskFrame& root) noexcept {
  abandoned_->adopt(root);
  for (TaskFrame* frame = &root; frame;) {
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

}  // namespace detail
}  // namespace tornado
