// SPDX-License-Identifier: Apache-2.0
#include "tornado/wait_iterator.h"

#include <algorithm>

#include "coroutine/task_trace.h"
#include "platform/system_error.h"

namespace tornado::detail {

EndedTasks::EndedTasks(IOLoop& loop)
    : TaskScope(TaskScheduler::for_scope(loop, "WaitIterator"), nullptr) {}

EndedTasks::~EndedTasks() {
  destroy_tasks();
  for (; ended_.linked(); pop()) {
    if (!front().failed) continue;
    TaskScheduler::report_later(scheduler(),
                                TaskScheduler::trace_of(scheduler(), front()));
  }
  if (!waiting_) return;
  waiting_->tasks_ = nullptr;
  waiting_->resume();
}

void EndedTasks::start(TaskFrame& task) {
  adopt(task);
  order_.push_back(&task);
  scheduler()->make_ready(task);
}

TaskFrame& EndedTasks::front() noexcept {
  return static_cast<TaskFrame&>(*ended_.next);
}

void EndedTasks::pop() noexcept {
  front().destroy();
}

std::size_t EndedTasks::index_of(const TaskFrame& task) const noexcept {
  return static_cast<std::size_t>(std::ranges::find(order_, &task) - order_.begin());
}

void EndedTasks::on_end(TaskFrame& root) {
  static_cast<detail::ListLink<InScope>&>(root).link_behind(ended_);
  if (NextAwait* const wait = std::exchange(waiting_, nullptr)) wait->resume();
}

NextAwait::~NextAwait() {
  if (tasks_ && tasks_->waiting_ == this) tasks_->waiting_ = nullptr;
}

bool NextAwait::ready() const {
  if (tasks_->any_ended()) return true;
  if (tasks_->size() > 0) return false;
  throw_error(std::make_error_code(std::errc::result_out_of_range),
              "WaitIterator::next: no result is left");
}

void NextAwait::suspend() {
  if (tasks_->waiting_) {
    throw_error(std::make_error_code(std::errc::operation_in_progress),
                "WaitIterator::next: another task waits");
  }
  tasks_->waiting_ = this;
}

bool NextAwait::withdraw() noexcept {
  tasks_->waiting_ = nullptr;
  return true;
}

EndedTasks& NextAwait::tasks() const {
  if (!tasks_) throw_error(Errc::abandoned, "WaitIterator::next");
  return *tasks_;
}

}  // namespace tornado::detail
