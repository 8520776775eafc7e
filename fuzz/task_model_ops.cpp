// SPDX-License-Identifier: Apache-2.0
// What the operations of a task do, in the model.
#include <algorithm>

#include "fuzz/check.h"
#include "fuzz/task_model.h"

namespace tornado::fuzz {

std::optional<TaskModel::Outcome> TaskModel::begin(Frame& frame) {
  const TaskOp& op = *frame.op;
  if (frame.scope->cancelled && op.kind != TaskOp::call_shielded) {
    return cancelled_by(*frame.scope);
  }
  switch (op.kind) {
    case TaskOp::sleep:
      frame.wait = Wait::sleep;
      frame.timer = add_timer(op.delay, [this, &frame] { resume(frame); });
      return std::nullopt;
    case TaskOp::moment:
      frame.wait = Wait::moment;
      make_ready(frame);
      return std::nullopt;
    case TaskOp::call:
    case TaskOp::call_shielded:
      return call(frame);
    case TaskOp::call_in_time:
    case TaskOp::call_both:
    case TaskOp::call_first:
      return begin_children(frame);
    case TaskOp::join_group:
      return join(frame);
    case TaskOp::put:
    case TaskOp::get:
    case TaskOp::join_queue:
      return begin_queue(frame);
    default:
      return act(frame);
  }
}

// Tasks that play other scripts.

std::optional<TaskModel::Outcome> TaskModel::call(Frame& frame) {
  const bool shielded = frame.op->kind == TaskOp::call_shielded;
  // What the task was given though it is cancelled it keeps, and begins nothing.
  if (frame.scope->cancelled && !shielded) return cancelled_by(*frame.scope);
  Frame& child = new_frame(frame.op->script, shielded ? shield_ : *frame.scope);
  child.parent = &frame;
  child.shielded = shielded;
  child.begun = true;
  child.id = tasks_++;
  frame.wait = Wait::child;
  frame.over = false;
  frame.child = &child;
  next_ = &child;
  return std::nullopt;
}

std::optional<TaskModel::Outcome> TaskModel::begin_children(Frame& frame) {
  const TaskOp& op = *frame.op;
  frame.children = std::make_unique<Scope>();
  Scope& scope = *frame.children;
  scope.owner = &frame;
  scope.first_only = op.kind == TaskOp::call_first;
  scope.roots.push_back(&new_frame(op.script, scope));
  if (op.kind == TaskOp::call_in_time) {
    frame.timer = add_timer(op.delay, [this, &scope] {
      scope.deadline_passed = true;
      cancel(scope, timed_out);
    });
  } else {
    scope.roots.push_back(&new_frame(op.other, scope));
  }
  frame.wait = Wait::children;
  scope.given.assign(scope.roots.begin(), scope.roots.end());
  for (Frame* const root : scope.roots) run_soon(*root);
  return std::nullopt;
}

TaskModel::Outcome TaskModel::finish_children(Frame& frame) {
  const std::unique_ptr<Scope> scope = std::move(frame.children);
  drop_timer(frame.timer);
  const auto& ended = scope->ended;
  if (frame.op->kind == TaskOp::call_in_time) {
    const Outcome outcome = ended[0]->outcome;
    const bool late = scope->deadline_passed && is_cancelled(outcome);
    return late && !frame.scope->cancelled ? code(TaskResult::timed_out) : outcome;
  }
  Outcome failure = 0;
  Outcome cancelled = 0;
  for (Frame* const task : ended) {
    const Outcome outcome = task->outcome;
    const bool decides = !scope->first_only || task == ended[0];
    if (outcome == 0) continue;
    if (is_cancelled(outcome)) {
      if (decides && cancelled == 0) cancelled = outcome;
    } else if (decides && failure == 0) {
      failure = outcome;
    } else {
      ++trace_.reports;
    }
  }
  if (failure != 0 || cancelled != 0) return failure != 0 ? failure : cancelled;
  if (!scope->first_only) return 0;
  frame.value = scope->given[0]->outcome == 0 ? 1 : 0;
  if (scope->given[1]->outcome == 0) frame.value += 2;
  return 0;
}

std::optional<TaskModel::Outcome> TaskModel::join(Frame& frame) {
  Scope& group = groups_[frame.op->what];
  if (group.roots.empty()) return finish_join(frame);
  if (frame.scope == &group) return code(TaskResult::deadlock);
  frame.wait = Wait::group;
  group.joining.push_back(&frame);
  return std::nullopt;
}

TaskModel::Outcome TaskModel::finish_join(Frame& frame) {
  Scope& group = groups_[frame.op->what];
  group.cancelled = false;
  if (group.failure != 0) return std::exchange(group.failure, 0);
  return frame.passed_on ? cancelled_by(*frame.scope) : 0;
}

// Locks and queues.

std::optional<TaskModel::Outcome> TaskModel::wait_in(Frame& frame, Line& line) {
  const int timeout = frame.op->timeout;
  if (timeout == 0) {
    if (frame.op->kind == TaskOp::wait_condition) return 0;
    return code(TaskResult::timed_out);
  }
  frame.wait = Wait::line;
  frame.line = &line;
  line.push_back(&frame);
  if (timeout < 0) return std::nullopt;
  frame.timer = add_timer(timeout, [this, &frame] {
    std::erase(*std::exchange(frame.line, nullptr), &frame);
    frame.timer.reset();
    frame.end = End::late;
    resume(frame);
  });
  return std::nullopt;
}

void TaskModel::choose(Frame& frame) {
  std::erase(*std::exchange(frame.line, nullptr), &frame);
  drop_timer(frame.timer);
  frame.end = End::chosen;
  resume(frame);
}

void TaskModel::choose_all(Line& line) {
  while (!line.empty()) choose(*line.front());
}

void TaskModel::release(int& permits, Line& line) {
  if (line.empty()) {
    ++permits;
  } else {
    choose(*line.front());
  }
}

void TaskModel::accept(Items& queue, int item) {
  ++queue.unfinished;
  queue.finished = false;
  if (queue.getters.empty()) {
    queue.items.push_back(item);
  } else {
    queue.getters.front()->value = item;
    choose(*queue.getters.front());
  }
}

bool TaskModel::fill(Items& queue) {
  if (!queue.putters.empty()) {
    Frame& putter = *queue.putters.front();
    accept(queue, putter.value);
    choose(putter);
  }
  return !queue.items.empty();
}

std::optional<TaskModel::Outcome> TaskModel::begin_queue(Frame& frame) {
  Items& queue = queues_[frame.op->what];
  if (frame.op->kind == TaskOp::join_queue) {
    if (queue.finished) return 0;
    return wait_in(frame, queue.joining);
  }
  if (frame.op->kind == TaskOp::put) {
    frame.value = ++items_;
    if (queue.full()) return wait_in(frame, queue.putters);
    accept(queue, frame.value);
    return 0;
  }
  if (!fill(queue)) return wait_in(frame, queue.getters);
  frame.value = queue.items.front();
  queue.items.pop_front();
  return 0;
}

std::optional<TaskModel::Outcome> TaskModel::act(Frame& frame) {
  const TaskOp& op = *frame.op;
  const std::size_t what = op.what;
  Items& queue = queues_[what];
  switch (op.kind) {
    case TaskOp::fail:
      return code(TaskResult::thrown);
    case TaskOp::acquire:
      if (permits_[what] == 0) return wait_in(frame, acquiring_[what]);
      --permits_[what];
      return 0;
    case TaskOp::release:
      release(permits_[what], acquiring_[what]);
      return 0;
    case TaskOp::hold:
      if (unlocked_[what] == 0) return wait_in(frame, locking_[what]);
      --unlocked_[what];
      frame.holds = true;
      return call(frame);
    case TaskOp::put_nowait:
      ++items_;
      if (queue.full()) return code(TaskResult::full);
      frame.value = items_;
      accept(queue, frame.value);
      return 0;
    case TaskOp::get_nowait:
      if (!fill(queue)) return code(TaskResult::empty);
      frame.value = queue.items.front();
      queue.items.pop_front();
      return 0;
    case TaskOp::task_done:
      if (queue.unfinished == 0) return code(TaskResult::invalid);
      if (--queue.unfinished > 0) return 0;
      queue.finished = true;
      choose_all(queue.joining);
      return 0;
    case TaskOp::wait_event:
      if (set_[what]) return 0;
      return wait_in(frame, events_[what]);
    case TaskOp::set_event:
      set_[what] = true;
      choose_all(events_[what]);
      return 0;
    case TaskOp::clear_event:
      set_[what] = false;
      return 0;
    case TaskOp::wait_condition:
      return wait_in(frame, conditions_[what]);
    case TaskOp::notify:
      for (int n = op.delay; n > 0 && !conditions_[what].empty(); --n) {
        choose(*conditions_[what].front());
      }
      return 0;
    case TaskOp::notify_all:
      choose_all(conditions_[what]);
      return 0;
    case TaskOp::start: {
      Frame& root = new_frame(op.script, groups_[what]);
      groups_[what].roots.push_back(&root);
      make_ready(root);
      return 0;
    }
    case TaskOp::cancel:
      cancel(groups_[what], requested);
      return 0;
    default:
      FUZZ_CHECK(false);
  }
}

}  // namespace tornado::fuzz
