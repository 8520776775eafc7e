// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "fuzz/task_program.h"

namespace tornado::fuzz {

/// What tornado/task.h, locks.h and queues.h promise, by plain lists in simulated time.
class TaskModel {
 public:
  explicit TaskModel(const TaskProgram& program);
  TaskTrace play();

 private:
  enum Reason : std::uint8_t { requested, timed_out, not_needed, other_failed };
  enum class Wait : std::uint8_t { none, sleep, moment, line, child, children, group };
  enum class End : std::uint8_t { none, chosen, late };
  struct Scope;
  struct Frame;
  using Line = std::deque<Frame*>;
  using TimerKey = std::pair<int, int>;  // when, and in which order

  /// 0, or the TaskResult of the exception.
  using Outcome = int;

  struct Frame {
    const std::vector<TaskOp>* script = nullptr;
    Scope* scope = nullptr;
    Frame* parent = nullptr;
    bool begun = false;
    bool shielded = false;
    std::size_t next_op = 0;
    int id = -1;
    Outcome outcome = 0;
    // The wait of the operation that goes on.
    const TaskOp* op = nullptr;
    Wait wait = Wait::none;
    bool over = false;
    bool cancelled = false;
    bool passed_on = false;
    bool holds = false;  // the lock of `op`
    End end = End::none;
    int value = 0;
    Line* line = nullptr;
    std::optional<TimerKey> timer;
    Frame* child = nullptr;
    std::unique_ptr<Scope> children;
  };

  struct Scope {
    Line roots;
    bool cancelled = false;
    Reason why = requested;
    // Of a group.
    bool group = false;
    Outcome failure = 0;
    Line joining;
    // Of children.
    Frame* owner = nullptr;
    bool first_only = false;
    bool deadline_passed = false;
    std::vector<Frame*> given;  // in the order of the arguments
    std::vector<Frame*> ended;
  };

  struct Items {
    std::size_t maxsize = 0;
    std::deque<int> items;
    Line getters;
    Line putters;
    int unfinished = 0;
    bool finished = true;
    Line joining;
    [[nodiscard]] bool full() const { return maxsize > 0 && items.size() >= maxsize; }
  };

  // The loop.
  void run_due();
  void run(Frame* first);
  void step(Frame& frame);
  void make_ready(Frame& frame);
  void run_soon(Frame& frame);
  void resume(Frame& frame);
  TimerKey add_timer(int delay, std::function<void()> act);
  void drop_timer(std::optional<TimerKey>& timer);

  // Tasks.
  Frame& new_frame(std::size_t script, Scope& scope);
  void advance(Frame& frame);
  void end(Frame& frame, Outcome outcome);
  void complete(Frame& frame, Outcome outcome);
  std::optional<Outcome> begin(Frame& frame);
  std::optional<Outcome> finish(Frame& frame);
  void cancel(Scope& scope, Reason why);
  void tell(Scope& scope);
  void withdraw(Frame& frame);
  void on_end(Frame& root);
  static Outcome cancelled_by(const Scope& scope);
  static bool is_cancelled(Outcome outcome);

  // Operations: the outcome, unless the task waits.
  std::optional<Outcome> call(Frame& frame);
  std::optional<Outcome> begin_children(Frame& frame);
  Outcome finish_children(Frame& frame);
  std::optional<Outcome> join(Frame& frame);
  Outcome finish_join(Frame& frame);
  std::optional<Outcome> wait_in(Frame& frame, Line& line);
  void choose(Frame& frame);
  void choose_all(Line& line);
  std::optional<Outcome> begin_queue(Frame& frame);
  void accept(Items& queue, int item);
  bool fill(Items& queue);
  void release(int& permits, Line& line);
  std::optional<Outcome> act(Frame& frame);

  const TaskProgram& program_;
  TaskTrace trace_;
  int now_ = 0;
  int timers_made_ = 0;
  std::map<TimerKey, std::function<void()>> timers_;
  Line ready_, batch_, soon_;
  bool running_ = false;
  Frame* next_ = nullptr;
  Frame* ended_ = nullptr;
  std::vector<Scope*> to_tell_;
  bool telling_ = false;
  std::deque<Frame> frames_;
  Scope shield_;
  std::array<Scope, kinds_of_each> groups_;
  std::array<int, kinds_of_each> permits_{};
  std::array<Line, kinds_of_each> acquiring_;
  std::array<int, kinds_of_each> unlocked_{};
  std::array<Line, kinds_of_each> locking_;
  std::array<Items, kinds_of_each> queues_;
  std::array<bool, kinds_of_each> set_{};
  std::array<Line, kinds_of_each> events_;
  std::array<Line, kinds_of_each> conditions_;
  int ops_ = 0;
  int tasks_ = 0;
  int items_ = 0;
};

}  // namespace tornado::fuzz
