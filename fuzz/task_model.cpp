// SPDX-License-Identifier: Apache-2.0
#include "fuzz/task_model.h"

#include <algorithm>

namespace tornado::fuzz {

TaskModel::TaskModel(const TaskProgram& program) : program_(program) {
  for (std::size_t i = 0; i < kinds_of_each; ++i) {
    groups_[i].group = true;
    permits_[i] = program.permits[i];
    unlocked_[i] = 1;
    queues_[i].maxsize = static_cast<std::size_t>(program.maxsizes[i]);
  }
}

TaskTrace TaskModel::play() {
  for (unsigned i = 0; i < program_.roots; ++i) {
    Frame& root = new_frame(0, groups_[0]);
    groups_[0].roots.push_back(&root);
    make_ready(root);
  }
  for (;;) {
    run_due();
    batch_ = std::exchange(ready_, {});
    while (!batch_.empty()) {
      Frame* const first = batch_.front();
      batch_.pop_front();
      run(first);
    }
    if (!ready_.empty()) continue;
    if (timers_.empty()) break;
    now_ = std::max(now_, timers_.begin()->first.first);
  }
  std::size_t left = 0;
  for (std::size_t i = 0; i < kinds_of_each; ++i) {
    const int sizes[] = {permits_[i], 1 - unlocked_[i],
                         static_cast<int>(queues_[i].items.size()),
                         static_cast<int>(groups_[i].roots.size())};
    trace_.at_end.insert(trace_.at_end.end(), std::begin(sizes), std::end(sizes));
    left += groups_[i].roots.size();
  }
  for (const Frame& frame : frames_) {
    if (frame.children) left += frame.children->roots.size();
  }
  trace_.at_end.push_back(static_cast<int>(left));
  return trace_;
}

// The loop.

void TaskModel::run_due() {
  std::vector<TimerKey> due;
  for (const auto& [key, act] : timers_) {
    if (key.first <= now_) due.push_back(key);
  }
  for (const TimerKey& key : due) {
    const auto found = timers_.extract(key);
    if (found) found.mapped()();
  }
}

void TaskModel::run(Frame* first) {
  running_ = true;
  next_ = first;
  for (;;) {
    if (next_) {
      step(*std::exchange(next_, nullptr));
    } else if (ended_) {
      on_end(*std::exchange(ended_, nullptr));
    } else if (!soon_.empty()) {
      next_ = soon_.front();
      soon_.pop_front();
    } else {
      break;
    }
  }
  running_ = false;
}

void TaskModel::step(Frame& frame) {
  if (!frame.begun && frame.scope->cancelled) {
    return end(frame, cancelled_by(*frame.scope));
  }
  if (!frame.begun) frame.id = tasks_++;
  frame.begun = true;
  advance(frame);
}

void TaskModel::make_ready(Frame& frame) {
  for (Line* const line : {&ready_, &batch_, &soon_}) std::erase(*line, &frame);
  ready_.push_back(&frame);
}

void TaskModel::run_soon(Frame& frame) {
  if (!running_) return make_ready(frame);
  soon_.push_back(&frame);
}

void TaskModel::resume(Frame& frame) {
  frame.over = true;
  make_ready(frame);
}

TaskModel::TimerKey TaskModel::add_timer(int delay, std::function<void()> act) {
  const TimerKey key{now_ + delay, timers_made_++};
  timers_[key] = std::move(act);
  return key;
}

void TaskModel::drop_timer(std::optional<TimerKey>& timer) {
  if (timer) timers_.erase(*timer);
  timer.reset();
}

// Tasks.

TaskModel::Frame& TaskModel::new_frame(std::size_t script, Scope& scope) {
  Frame& frame = frames_.emplace_back();
  frame.script = &program_.scripts[script];
  frame.scope = &scope;
  return frame;
}

void TaskModel::advance(Frame& frame) {
  if (frame.op) {
    const std::optional<Outcome> outcome = finish(frame);
    if (!outcome) return;
    complete(frame, *outcome);
    if (*outcome != 0 && !frame.script->at(frame.next_op - 1).catches) return;
  }
  while (frame.next_op < frame.script->size() && ops_++ < most_task_ops) {
    frame.op = &(*frame.script)[frame.next_op++];
    frame.value = 0;
    const std::optional<Outcome> outcome = begin(frame);
    if (!outcome) return;
    const bool goes_on = *outcome == 0 || frame.op->catches;
    complete(frame, *outcome);
    if (!goes_on) return;
  }
  end(frame, 0);
}

void TaskModel::end(Frame& frame, Outcome outcome) {
  frame.outcome = outcome;
  (frame.parent ? next_ : ended_) = frame.parent ? frame.parent : &frame;
}

void TaskModel::complete(Frame& frame, Outcome outcome) {
  if (std::exchange(frame.holds, false)) {
    release(unlocked_[frame.op->what], locking_[frame.op->what]);
  }
  trace_.lines.push_back({now_, frame.id, static_cast<int>(frame.next_op) - 1, outcome,
                          outcome == 0 ? frame.value : 0});
  const bool catches = frame.op->catches;
  frame.op = nullptr;
  frame.wait = Wait::none;
  frame.over = frame.cancelled = frame.passed_on = false;
  frame.end = End::none;
  if (outcome != 0 && !catches) end(frame, outcome);
}

// The operation, once what it waited for is over.
std::optional<TaskModel::Outcome> TaskModel::finish(Frame& frame) {
  if (frame.cancelled) return cancelled_by(*frame.scope);
  switch (frame.wait) {
    case Wait::child:
      return std::exchange(frame.child, nullptr)->outcome;
    case Wait::children:
      return finish_children(frame);
    case Wait::group:
      return finish_join(frame);
    case Wait::line:
      if (frame.op->kind == TaskOp::wait_condition) {
        frame.value = frame.end == End::chosen ? 1 : 0;
        return 0;
      }
      if (frame.end == End::late) return code(TaskResult::timed_out);
      if (frame.op->kind != TaskOp::hold) return 0;
      frame.holds = true;
      return call(frame);
    default:
      return 0;
  }
}

void TaskModel::cancel(Scope& scope, Reason why) {
  if (scope.cancelled) return;
  scope.cancelled = true;
  scope.why = why;
  to_tell_.push_back(&scope);
  if (std::exchange(telling_, true)) return;
  while (!to_tell_.empty()) {
    Scope* const last = to_tell_.back();
    to_tell_.pop_back();
    tell(*last);
  }
  telling_ = false;
}

void TaskModel::tell(Scope& scope) {
  for (Frame* frame : scope.roots) {
    while (frame->child && !frame->shielded) frame = frame->child;
    if (!frame->shielded) withdraw(*frame);
  }
}

void TaskModel::withdraw(Frame& frame) {
  if (!frame.op || frame.over || frame.wait == Wait::none) return;
  if (frame.wait == Wait::children) return cancel(*frame.children, frame.scope->why);
  if (frame.wait == Wait::group) {
    frame.passed_on = true;
    return cancel(groups_[frame.op->what], frame.scope->why);
  }
  drop_timer(frame.timer);
  if (frame.line) std::erase(*std::exchange(frame.line, nullptr), &frame);
  frame.cancelled = true;
  resume(frame);
}

void TaskModel::on_end(Frame& root) {
  Scope& scope = *root.scope;
  std::erase(scope.roots, &root);
  if (!scope.group) {
    scope.ended.push_back(&root);
    if (scope.first_only) {
      cancel(scope, not_needed);
    } else if (root.outcome != 0) {
      cancel(scope, other_failed);
    }
    if (!scope.roots.empty()) return;
    scope.owner->over = true;
    return run_soon(*scope.owner);
  }
  Outcome failure = root.outcome;
  if (is_cancelled(failure) && scope.cancelled) failure = 0;
  if (failure != 0 && scope.failure == 0) {
    scope.failure = std::exchange(failure, 0);
    cancel(scope, other_failed);
  }
  if (failure != 0) ++trace_.reports;
  if (!scope.roots.empty()) return;
  for (Frame* const joining : std::exchange(scope.joining, {})) {
    joining->over = true;
    run_soon(*joining);
  }
}

TaskModel::Outcome TaskModel::cancelled_by(const Scope& scope) {
  return code(TaskResult::cancelled) + scope.why;
}

bool TaskModel::is_cancelled(Outcome outcome) {
  return outcome >= code(TaskResult::cancelled);
}

TaskTrace play_as_promised(const TaskProgram& program) {
  return TaskModel(program).play();
}

}  // namespace tornado::fuzz
