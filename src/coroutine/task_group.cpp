// SPDX-License-Identifier: Apache-2.0
#include "tornado/task_group.h"

#include <string>

#include "coroutine/task_trace.h"
#include "platform/system_error.h"

namespace tornado {

using detail::TaskFrame;
using detail::TaskScheduler;
using detail::TaskScope;

TaskGroup::TaskGroup(OnFailure on_failure)
    : TaskGroup(*IOLoop::current(), on_failure) {}

TaskGroup::TaskGroup(IOLoop& loop, OnFailure on_failure)
    : TaskScope(detail::TaskScheduler::for_scope(loop, "TaskGroup"), nullptr),
      on_failure_(on_failure) {}

TaskGroup::~TaskGroup() {
  destroy_tasks();
  while (joining_.linked()) {
    auto& join = static_cast<Join&>(*joining_.next);
    join.group_ = nullptr;
    join.finish();
  }
  if (failure_) TaskScheduler::report_later(scheduler(), std::move(trace_));
}

void TaskGroup::start(Task<void> task, Location where) {
  if (!scheduler()) throw_error(Errc::loop_closed, "TaskGroup::start");
  scheduler()->check_start("TaskGroup::start", task.frame());
  TaskFrame& root = *detail::as_root(std::move(task)).release();
  root.where = where;
  adopt(root);
  scheduler()->make_ready(root);
}

void TaskGroup::on_end(TaskFrame& root) {
  const std::source_location function = root.function;
  std::exception_ptr failure;
  if (root.failed && !(root.ended_by_cancelling && cancelled())) {
    failure = root.exception();
  }
  if (failure && on_failure_ == OnFailure::cancel_others && !failure_) {
    trace_ = TaskScheduler::trace_of(scheduler(), root);
    failure_ = std::exchange(failure, nullptr);
    TaskScope::cancel({CancelReason::other_failed, root.where});
  }
  if (size() == 0) tell_joining();
  TaskScheduler& running = *scheduler();
  root.destroy();  // whose parameters may own this group
  if (failure) running.report(function, failure);
}

void TaskGroup::tell_joining() noexcept {
  while (joining_.linked()) static_cast<Join&>(*joining_.next).finish();
}

bool TaskGroup::Join::ready() const {
  if (group_->size() == 0) return true;
  if (frame->scope == group_) {
    throw_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                "TaskGroup::join: called by a task of the group");
  }
  if (frame->scope->scheduler() != group_->scheduler()) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "TaskGroup::join by a task of another loop");
  }
  return false;
}

void TaskGroup::Join::finish() noexcept {
  unlink();
  over = true;
  frame->scope->scheduler()->run_soon(*frame);
}

void TaskGroup::Join::result() {
  if (group_) {
    group_->reset();
    if (const auto failure = std::exchange(group_->failure_, nullptr)) {
      frame->scope->scheduler()->restore(std::move(group_->trace_));
      std::rethrow_exception(failure);
    }
  }
  if (passed_on_) throw Cancelled(frame->scope->why());
}

bool TaskGroup::Join::withdraw() noexcept {
  passed_on_ = true;
  group_->TaskScope::cancel(frame->scope->why());
  return false;
}

std::string TaskGroup::Join::describe() const {
  return "the end of " + std::to_string(group_->size()) + " tasks";
}

}  // namespace tornado
