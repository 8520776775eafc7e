// SPDX-License-Identifier: Apache-2.0
#include "tornado/task.h"

#include <exception>
#include <new>
#include <string>

#include "coroutine/task_trace.h"
#include "loop/loop_core.h"
#include "platform/log.h"
#include "platform/system_error.h"
#include "tornado/registration.h"

namespace tornado {

bool LoopHandle::spawn_callback(Task<void> task, Location where) const {
  detail::TaskScheduler::check_task("spawn_callback", task.frame());
  if (closed()) return false;
  task.frame()->where = where;
  IOLoop* const target = loop();
  auto spawn = [target, owned = std::move(task)]() mutable {
    detail::TaskScheduler::of(*target).spawn(*owned.release());
  };
  if (!mailbox_->runs_here()) return mailbox_->post(std::move(spawn), where);
  spawn();
  return true;
}

bool IOLoop::spawn_callback(Task<void> task, Location where) {
  if (!impl_->mailbox->runs_here()) {
    return handle().spawn_callback(std::move(task), where);
  }
  detail::TaskScheduler::check_task("spawn_callback", task.frame());
  if (impl_->mailbox->closed()) return false;
  task.frame()->where = where;
  impl_->tasks.spawn(*task.release());
  return true;
}

std::vector<TaskInfo> IOLoop::tasks() const {
  return impl_->tasks.tasks(impl_->now().time_since_epoch());
}

void IOLoop::set_default_executor(Executor& executor) {
  impl_->check("set_default_executor");
  impl_->tasks.set_executor(executor);
}

namespace detail {

// How many unfinished coroutines this thread destroys. The tasks that they hold need no
// warning: these would have been awaited later.
static thread_local int unfinished = 0;

void TaskFrame::destroy_unfinished() noexcept {
  ++unfinished;
  handle().destroy();
  --unfinished;
}

// The exception that leaves an expression also ends the tasks that it has made.
[[maybe_unused]] static void warn_of_discarded(const TaskFrame& frame) noexcept {
  if (unfinished > 0 || frame.handed_over || std::uncaught_exceptions() > 0) return;
  try {
    log(LogLevel::warning, "task " + describe(frame.function, {}) +
                               " was destroyed, and never awaited or started");
  } catch (const std::bad_alloc&) {
    log(LogLevel::warning, "a task was destroyed, and never awaited or started");
  }
}

void discard(TaskFrame& frame) noexcept {
#ifndef NDEBUG
  warn_of_discarded(frame);
#endif
  frame.destroy();
}

void throw_no_task(std::source_location where) {
  throw_error(std::make_error_code(std::errc::invalid_argument),
              "co_await of an empty task at " + std::string(where.file_name()) + ":" +
                  std::to_string(where.line()));
}

SyncScope::SyncScope(IOLoop& loop, const TaskFrame* task)
    : TaskScope(TaskScheduler::of(loop), nullptr), loop_(loop) {
  TaskScheduler::of(loop).check_thread("run_sync");
  if (!task) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "run_sync: empty task");
  }
  if (loop.running()) throw_error(Errc::loop_running, "run_sync");
}

SyncScope::~SyncScope() {
  destroy_tasks();
  if (!ended_) return;
  if (!given_ && ended_->failed) {
    TaskScheduler::report_later(scheduler(),
                                TaskScheduler::trace_of(scheduler(), *ended_));
  }
  ended_->destroy();
}

void SyncScope::run(TaskFrame& root, std::optional<Delay> timeout,
                    std::source_location where) {
  root.where = where;
  adopt(root);
  scheduler()->make_ready(root);
  bool passed = false;
  Timeout alarm;
  if (timeout) {
    auto pass = [this, &passed, where] {
      passed = true;
      cancel_and_stop({CancelReason::timed_out, where});
    };
    alarm = Timeout(loop_, *timeout, std::move(pass), where);
  }
  try {
    loop_.start();
  } catch (...) {
    if (ended_ && scheduler()) scheduler()->take_stop();
    throw;
  }
  if (!ended_) {
    const bool closed = loop_.handle().closed();
    throw_error(closed ? Errc::loop_closed : Errc::loop_stopped, "run_sync");
  }
  given_ = true;
  if (passed && ended_->ended_by_cancelling) {
    throw_error(Errc::timed_out, "run_sync");
  }
}

void SyncScope::on_end(TaskFrame& root) {
  ended_ = &root;
  loop_.stop();
}

}  // namespace detail
}  // namespace tornado
