// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The results of tasks in the order of their ends.

#include <cstddef>
#include <optional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "tornado/task.h"

namespace tornado {
namespace detail {

class NextAwait;

/// Tasks that were started together, and of which one ended after the other is taken.
class TORNADO_API EndedTasks final : public TaskScope {
 public:
  explicit EndedTasks(IOLoop& loop);
  ~EndedTasks();

  void start(TaskFrame& task);
  /// The first task that has ended.
  [[nodiscard]] TaskFrame& front() noexcept;
  void pop() noexcept;
  [[nodiscard]] bool any_ended() const noexcept { return ended_.linked(); }
  [[nodiscard]] std::size_t index_of(const TaskFrame& task) const noexcept;

 private:
  friend class NextAwait;
  void on_end(TaskFrame& root) override;

  detail::List<InScope> ended_;
  std::vector<const TaskFrame*> order_;
  NextAwait* waiting_ = nullptr;
};

class TORNADO_API NextAwait : public Suspension {
 public:
  explicit NextAwait(EndedTasks& tasks) noexcept : tasks_(&tasks) {}
  bool ready() const;
  void suspend();
  bool withdraw() noexcept override;
  std::string describe() const override { return "the next of several tasks"; }

 protected:
  ~NextAwait();
  EndedTasks& tasks() const;

 private:
  friend class EndedTasks;
  EndedTasks* tasks_;  // null once they were destroyed
};

}  // namespace detail

/// Runs tasks concurrently, and gives their results in the order in which they end.
///
///   tornado::WaitIterator<int> results(std::move(tasks));
///   while (!results.done()) use(co_await results.next());
///
/// next() throws the exception of a task that failed, and the iteration can go on.
/// Destroying the iterator destroys the tasks that have not ended. Failures that no
/// next() has thrown go to IOLoop::handle_callback_exception. For the loop's thread.
template <class T>
class WaitIterator {
 public:
  /// Starts the tasks, on the current loop or on `loop`.
  explicit WaitIterator(std::vector<Task<T>> tasks)
      : WaitIterator(*IOLoop::current(), std::move(tasks)) {}
  WaitIterator(IOLoop& loop, std::vector<Task<T>> tasks)
      : tasks_(loop), left_(tasks.size()) {
    for (Task<T>& task : tasks) {
      TaskScheduler::of(loop).check_start("WaitIterator", task.frame());
      tasks_.start(*detail::as_root(std::move(task)).release());
    }
  }

  /// Whether next() has given every result.
  [[nodiscard]] bool done() const noexcept { return left_ == 0; }
  /// The index of the task of the last result. Empty before the first result.
  [[nodiscard]] std::optional<std::size_t> current_index() const noexcept {
    return index_;
  }

  class Next final : public detail::NextAwait {
   public:
    explicit Next(WaitIterator& results) noexcept
        : NextAwait(results.tasks_), results_(results) {}
    T result() {
      detail::EndedTasks& tasks = this->tasks();
      auto& task = static_cast<detail::Promise<T>&>(tasks.front());
      results_.index_ = tasks.index_of(task);
      --results_.left_;
      struct Pop {
        detail::EndedTasks& from;
        ~Pop() { from.pop(); }
      } const at_the_end{tasks};
      return task.take();
    }

   private:
    WaitIterator& results_;
  };
  /// Throws std::errc::result_out_of_range if no result is left. Only one task at a
  /// time may await it.
  [[nodiscard]] Next next() noexcept { return Next(*this); }

 private:
  using TaskScheduler = detail::TaskScheduler;

  detail::EndedTasks tasks_;
  std::size_t left_;
  std::optional<std::size_t> index_;
};

}  // namespace tornado
