// SPDX-License-Identifier: Apache-2.0
#include "tornado/task.h"

#include <string>

#include "loop/loop_core.h"
#include "platform/system_error.h"

namespace tornado {

bool IOLoop::spawn_callback(Task<void> task, Location where) {
  detail::TaskScheduler& tasks = detail::TaskScheduler::of(*this);
  tasks.check_task("spawn_callback", task.frame());
  if (handle().closed()) return false;
  if (!tasks.runs_here()) {
    return add_callback(
        [&tasks, posted = std::move(task)]() mutable {
          tasks.spawn(*posted.release());
        },
        where);
  }
  detail::TaskFrame& root = *task.release();
  root.where = where;
  tasks.spawn(root);
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

void discard(TaskFrame& frame) noexcept {
  frame.handle.destroy();
}

void throw_no_task(const std::source_location& where) {
  throw_error(std::make_error_code(std::errc::invalid_argument),
              "co_await of an empty task at " + std::string(where.file_name()) + ":" +
                  std::to_string(where.line()));
}

SyncScope::SyncScope(IOLoop& loop, const TaskFrame* task)
    : TaskScope(TaskScheduler::of(loop), nullptr), loop_(loop) {
  TaskScheduler::of(loop).check_thread("run_sync");
  if (!task) {
    throw_error(std::make_error_code(std::errc::invalid_argument), "run_sync: no task");
  }
  if (loop.running()) throw_error(Errc::loop_running, "run_sync");
}

SyncScope::~SyncScope() {
  destroy_tasks();
  if (ended_) ended_->handle.destroy();
}

void SyncScope::run(TaskFrame& root, std::optional<Delay> timeout,
                    std::source_location where) {
  root.where = where;
  adopt(root);
  scheduler()->make_ready(root);
  struct Alarm {
    IOLoop& loop;
    TimeoutHandle timeout = {};
    bool passed = false;
    ~Alarm() { loop.remove_timeout(timeout); }
  } alarm{loop_};
  if (timeout) {
    alarm.timeout = loop_.call_later(
        *timeout,
        [this, &alarm, where] {
          alarm.passed = true;
          cancel({CancelReason::timed_out, where});
        },
        where);
  }
  loop_.start();
  if (!ended_) {
    const bool closed = loop_.handle().closed();
    throw_error(closed ? Errc::loop_closed : Errc::loop_stopped, "run_sync");
  }
  if (alarm.passed && ended_->ended_by_cancelling) {
    throw_error(Errc::timed_out, "run_sync");
  }
}

void SyncScope::on_end(TaskFrame& root) {
  ended_ = &root;
  loop_.stop();
}

}  // namespace detail
}  // namespace tornado
