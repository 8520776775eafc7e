// SPDX-License-Identifier: Apache-2.0
// How tasks are cancelled and destroyed.
#include <memory>
#include <utility>

#include "tornado/coroutine_frame.h"

namespace tornado::detail {

TaskScope::TaskScope(TaskScheduler& scheduler, TaskFrame* owner) noexcept
    : scheduler_(scheduler.closed_ ? nullptr : &scheduler), owner_(owner) {
  if (scheduler_) link_behind(scheduler.scopes_);
}

TaskScope::~TaskScope() {
  destroy_tasks();
}

void TaskScope::start_all() noexcept {
  for (auto* link = roots_.next; link != &roots_; link = link->next) {
    scheduler_->run_soon(static_cast<TaskFrame&>(*link));
  }
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

static TaskFrame* child_of(const TaskFrame& frame) noexcept {
  const Suspension* const wait = frame.suspension();
  return wait ? wait->child() : nullptr;
}

void TaskScope::withdraw_all() noexcept {
  for (auto* link = roots_.next; link != &roots_; link = link->next) {
    TaskFrame* frame = static_cast<TaskFrame*>(link);
    while (TaskFrame* const below = child_of(*frame)) {
      frame = below;
      if (below->shielded) break;
    }
    if (!frame->shielded) scheduler_->withdraw(*frame);
  }
}

// The walks of the scheduler.

static TaskFrame* last_of(TaskFrame* frame) noexcept {
  while (TaskFrame* const below = child_of(*frame)) frame = below;
  return frame;
}

static void destroy_from(TaskFrame* last) noexcept {
  for (TaskFrame* frame = last; frame; frame = frame->parent()) frame->ending = true;
  while (last) {
    TaskFrame* const parent = last->parent();
    if (parent) parent->suspension()->forget_child();
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
    const Suspension* const wait = last->suspension();
    TaskScope* const below = wait ? wait->scope() : nullptr;
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
    while (first->parent()) first = first->parent();
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
  Suspension* const wait = frame.suspension();
  if (!wait || wait->over || !wait->withdraw()) return;
  wait->cancelled = wait->over = true;
  make_ready(frame);
}

void TaskScheduler::stop_later(StopRequest& stop) noexcept {
  if (stop.source.stop_possible()) stop.link_behind(stopping_);
}

// A callback may end what has asked for the stop, and the loop.
void TaskScheduler::call_stops() noexcept {
  List<StopRequest> all;
  all.take_all(stopping_);
  while (all.linked()) {
    auto source = static_cast<StopRequest&>(*all.next).source;
    all.next->unlink();
    source.request_stop();
  }
}

}  // namespace tornado::detail
