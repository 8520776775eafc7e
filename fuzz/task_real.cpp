// SPDX-License-Identifier: Apache-2.0
// A program of tasks, played on a loop in simulated time.
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>

#include "fuzz/check.h"
#include "fuzz/task_program.h"
#include "tornado/gen.h"
#include "tornado/locks.h"
#include "tornado/log.h"
#include "tornado/queues.h"
#include "tornado/task_group.h"
#include "tornado/testing.h"

namespace tornado::fuzz {
namespace {

using std::chrono::milliseconds;

class Played {
 public:
  explicit Played(const TaskProgram& program) : program_(program) {
    loop_->handle_callback_exception([this](const auto&) { ++trace_.reports; });
    for (std::size_t i = 0; i < kinds_of_each; ++i) {
      semaphores_[i] = std::make_unique<Semaphore>(program.permits[i]);
      queues_[i] = std::make_unique<Queue<int>>(program.maxsizes[i]);
      groups_[i] = std::make_unique<TaskGroup>(*loop_);
    }
  }
  Played(const Played&) = delete;
  Played& operator=(const Played&) = delete;

  TaskTrace play() {
    for (unsigned i = 0; i < program_.roots; ++i) groups_[0]->start(run(0));
    begin_ = loop_->time();
    loop_->call_later(std::chrono::hours(1), [this] { loop_->stop(); });
    loop_->start();
    note_end();
    for (auto& group : groups_) group.reset();
    loop_.reset();
    FUZZ_CHECK(live_ == 0);
    return std::move(trace_);
  }

 private:
  struct Live {
    int& count;
    explicit Live(int& c) : count(c) { ++count; }
    Live(const Live&) = delete;
    Live& operator=(const Live&) = delete;
    ~Live() { --count; }
  };

  static std::optional<Delay> timeout_of(const TaskOp& op) {
    if (op.timeout < 0) return std::nullopt;
    return milliseconds(op.timeout);
  }

  static TaskResult result_of(const std::system_error& error) {
    if (error.code() == Errc::timed_out) return TaskResult::timed_out;
    if (error.code() == Errc::queue_full) return TaskResult::full;
    if (error.code() == Errc::queue_empty) return TaskResult::empty;
    if (error.code() == std::errc::resource_deadlock_would_occur) {
      return TaskResult::deadlock;
    }
    FUZZ_CHECK(error.code() == std::errc::invalid_argument);
    return TaskResult::invalid;
  }

  Task<> run(std::size_t script) {
    const Live live(live_);
    const int self = tasks_++;
    int at = 0;
    for (const TaskOp& op : program_.scripts[script]) {
      if (ops_++ >= most_task_ops) break;
      int result = 0;
      int value = 0;
      std::exception_ptr failure;
      try {
        value = co_await perform(op);
      } catch (const Cancelled& cancelled) {
        result = static_cast<int>(TaskResult::cancelled) +
                 static_cast<int>(cancelled.reason);
        failure = std::current_exception();
      } catch (const std::system_error& error) {
        result = static_cast<int>(result_of(error));
        failure = std::current_exception();
      } catch (const std::runtime_error&) {
        result = static_cast<int>(TaskResult::thrown);
        failure = std::current_exception();
      }
      trace_.lines.push_back(
          {(loop_->time() - begin_) / milliseconds(1), self, at++, result, value});
      if (failure && !op.catches) std::rethrow_exception(failure);
    }
  }

  // Each operation is a task of its own, so that a cancelled task begins none.
  Task<int> perform(const TaskOp& op) {
    switch (op.kind) {
      case TaskOp::call_shielded:
        return shielded(call(op.script));
      case TaskOp::hold:
      case TaskOp::call:
      case TaskOp::call_in_time:
      case TaskOp::call_both:
      case TaskOp::call_first:
        return nest(op);
      case TaskOp::put:
      case TaskOp::get:
      case TaskOp::join_queue:
        return wait_for_queue(op);
      default:
        return wait_or_act(op);
    }
  }
  Task<int> call(std::size_t script) {
    co_await run(script);
    co_return 0;
  }
  Task<int> nest(TaskOp op);
  Task<int> wait_for_queue(TaskOp op);
  Task<int> wait_or_act(TaskOp op);
  int act(const TaskOp& op);
  void note_end();

  const TaskProgram& program_;
  Simulation simulation_;
  std::unique_ptr<IOLoop> loop_ = std::make_unique<IOLoop>(simulation_.options());
  std::array<std::unique_ptr<Semaphore>, kinds_of_each> semaphores_;
  std::array<Lock, kinds_of_each> locks_;
  std::array<std::unique_ptr<Queue<int>>, kinds_of_each> queues_;
  std::array<Event, kinds_of_each> events_;
  std::array<Condition, kinds_of_each> conditions_;
  std::array<std::unique_ptr<TaskGroup>, kinds_of_each> groups_;
  TaskTrace trace_;
  TimePoint begin_{};
  int ops_ = 0;
  int tasks_ = 0;
  int items_ = 0;
  int live_ = 0;
};

Task<int> Played::nest(TaskOp op) {
  switch (op.kind) {
    case TaskOp::hold: {
      const LockGuard guard = co_await locks_[op.what].acquire(timeout_of(op));
      co_await run(op.script);
      break;
    }
    case TaskOp::call_in_time:
      co_await with_timeout(milliseconds(op.delay), run(op.script));
      break;
    case TaskOp::call_both:
      (void)co_await multi(run(op.script), run(op.other));
      break;
    case TaskOp::call_first: {
      const auto ended = co_await first_of(run(op.script), run(op.other));
      co_return (std::get<0>(ended) ? 1 : 0) + (std::get<1>(ended) ? 2 : 0);
    }
    default:
      co_await run(op.script);
  }
  co_return 0;
}

Task<int> Played::wait_for_queue(TaskOp op) {
  Queue<int>& queue = *queues_[op.what];
  if (op.kind == TaskOp::put) {
    const int item = ++items_;
    co_await queue.put(item, timeout_of(op));
    co_return item;
  }
  if (op.kind == TaskOp::join_queue) {
    co_await queue.join(timeout_of(op));
    co_return 0;
  }
  const int item = co_await queue.get(timeout_of(op));
  co_return item;
}

Task<int> Played::wait_or_act(TaskOp op) {
  switch (op.kind) {
    case TaskOp::sleep:
      co_await tornado::sleep(milliseconds(op.delay));
      break;
    case TaskOp::moment:
      co_await tornado::moment();
      break;
    case TaskOp::acquire: {
      SemaphorePermit permit = co_await semaphores_[op.what]->acquire(timeout_of(op));
      permit.detach();
      break;
    }
    case TaskOp::wait_event:
      co_await events_[op.what].wait(timeout_of(op));
      break;
    case TaskOp::wait_condition: {
      const bool notified = co_await conditions_[op.what].wait(timeout_of(op));
      co_return notified ? 1 : 0;
    }
    case TaskOp::join_group:
      co_await groups_[op.what]->join();
      break;
    default:
      co_return act(op);
  }
  co_return 0;
}

int Played::act(const TaskOp& op) {
  switch (op.kind) {
    case TaskOp::fail:
      throw std::runtime_error("asked for");
    case TaskOp::release:
      semaphores_[op.what]->release();
      return 0;
    case TaskOp::put_nowait:
      queues_[op.what]->put_nowait(++items_);
      return items_;
    case TaskOp::get_nowait:
      return queues_[op.what]->get_nowait();
    case TaskOp::task_done:
      queues_[op.what]->task_done();
      return 0;
    case TaskOp::set_event:
      events_[op.what].set();
      return 0;
    case TaskOp::clear_event:
      events_[op.what].clear();
      return 0;
    case TaskOp::notify:
      conditions_[op.what].notify(op.delay);
      return 0;
    case TaskOp::notify_all:
      conditions_[op.what].notify_all();
      return 0;
    case TaskOp::start:
      groups_[op.what]->start(run(op.script));
      return 0;
    case TaskOp::cancel:
      groups_[op.what]->cancel();
      return 0;
    default:
      FUZZ_CHECK(false);
  }
}

void Played::note_end() {
  for (std::size_t i = 0; i < kinds_of_each; ++i) {
    trace_.at_end.push_back(static_cast<int>(semaphores_[i]->value()));
    trace_.at_end.push_back(locks_[i].locked() ? 1 : 0);
    trace_.at_end.push_back(static_cast<int>(queues_[i]->qsize()));
    trace_.at_end.push_back(static_cast<int>(groups_[i]->size()));
  }
  trace_.at_end.push_back(static_cast<int>(loop_->tasks().size()));
}

}  // namespace

TaskTrace play_for_real(const TaskProgram& program) {
  // Failures that are left when the loop closes are logged.
  [[maybe_unused]] static const LogSink before =
      set_log_sink([](LogLevel, std::string_view) noexcept {});
  return Played(program).play();
}

}  // namespace tornado::fuzz
