// SPDX-License-Identifier: Apache-2.0
#include "tornado/multi.h"

#include <memory>

#include "coroutine/task_trace.h"
#include "platform/system_error.h"

namespace tornado::detail {

Children::Children(TaskFrame& owner, std::source_location where, Until until) noexcept
    : TaskScope(*owner.scope->scheduler(), &owner), where_(where), until_(until) {}

Children::~Children() {
  destroy_tasks();
  while (ended_.linked()) {
    auto& task = static_cast<TaskFrame&>(*ended_.previous);
    if (!joined_ && task.failed && !task.ended_by_cancelling) {
      TaskScheduler::report_later(scheduler(),
                                  TaskScheduler::trace_of(scheduler(), task));
    }
    task.destroy();
  }
}

void Children::on_end(TaskFrame& root) {
  static_cast<detail::ListLink<InScope>&>(root).link_behind(ended_);
  if (root.failed && !trace_) trace_ = TaskScheduler::trace_of(scheduler(), root);
  if (root.failed && until_ == Until::all_ended) {
    cancel({CancelReason::other_failed, where_});
  } else if (until_ == Until::one_ended) {
    cancel({CancelReason::not_needed, where_});
  }
  if (size() > 0 || !joining_) return;
  joining_->over = true;
  scheduler()->run_soon(*owner());
}

// Of first_of, the first to end decides, and the others only report.
void Children::rethrow_failure() {
  const std::exception_ptr* failure = nullptr;
  const std::exception_ptr* cancelled = nullptr;
  for (auto* link = ended_.next; link != &ended_; link = link->next) {
    const auto& task = static_cast<TaskFrame&>(*link);
    const bool decides = until_ == Until::all_ended || link == ended_.next;
    if (!task.failed) continue;
    if (task.ended_by_cancelling) {
      if (decides && !cancelled) cancelled = &task.exception();
    } else if (decides && !failure) {
      failure = &task.exception();
    } else {
      TaskScheduler::report_later(scheduler(),
                                  TaskScheduler::trace_of(scheduler(), task));
    }
  }
  scheduler()->restore(std::move(trace_));
  if (failure) std::rethrow_exception(*failure);
  if (cancelled) std::rethrow_exception(*cancelled);
}

void Children::Join::suspend() noexcept {
  children_.joining_ = this;
  children_.start_all();
}

bool Children::Join::withdraw() noexcept {
  children_.cancel(frame->scope->why());
  return false;
}

std::string Children::Join::describe() const {
  return "tasks: " + std::to_string(children_.size());
}

Deadline::Deadline(Children& children, Delay timeout, std::source_location where)
    : loop_(children.scheduler()->loop()) {
  timeout_ = loop_.call_later(
      timeout,
      [this, &children, where] {
        passed_ = true;
        children.cancel_and_stop({CancelReason::timed_out, where});
      },
      where);
}

Deadline::~Deadline() {
  if (!passed_) loop_.remove_timeout(timeout_);
}

void Deadline::throw_if_late(const TaskFrame& task, const TaskFrame& owner) const {
  if (!passed_ || !task.ended_by_cancelling || owner.scope->cancelled()) return;
  throw_error(Errc::timed_out, "with_timeout");
}

}  // namespace tornado::detail
