// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Concurrent tasks, and tasks with a deadline.

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "tornado/task.h"
#include "tornado/time.h"

namespace tornado {
namespace detail {

/// The frame of the coroutine that awaits this.
class FrameAwait final : public Suspension {
 public:
  FrameAwait() noexcept = default;
  bool ready() const noexcept { return true; }
  void suspend() const noexcept {}
  TaskFrame& result() const noexcept { return *frame; }
  bool withdraw() noexcept override { return false; }
  std::string describe() const override { return {}; }
};

/// Tasks that one task starts together and awaits together. They stay until this ends,
/// with their results.
class TORNADO_API Children final : public TaskScope {
 public:
  enum class Until : std::uint8_t { all_ended, one_ended };
  class Join;

  Children(TaskFrame& owner, std::source_location where,
           Until until = Until::all_ended) noexcept;
  ~Children();

  template <class T>
  Promise<T>& add(Task<T>& task) {
    Promise<T>& promise = *as_root(std::move(task)).release();
    adopt(promise);
    return promise;
  }
  /// Starts all and waits for the end of all. A cancellation is passed on to them.
  Join join() noexcept;
  /// Throws what the first that failed has thrown, and reports what the others have.
  void rethrow_failure();

 private:
  void on_end(TaskFrame& root) override;

  const std::source_location where_;
  const Until until_;
  detail::List<InScope> ended_;       // in this order
  std::unique_ptr<TaskTrace> trace_;  // of the first failure
  Join* joining_ = nullptr;
  bool joined_ = false;
};

class TORNADO_API Children::Join final : public Suspension {
 public:
  explicit Join(Children& children) noexcept : children_(children) {}
  bool ready() const noexcept { return children_.size() == 0; }
  void suspend() noexcept;
  void result() const noexcept { children_.joined_ = true; }
  bool withdraw() noexcept override;
  TaskScope* scope() const noexcept override { return &children_; }
  std::string describe() const override;

 private:
  friend class Children;
  Children& children_;
};
inline Children::Join Children::join() noexcept {
  return Join(*this);
}

/// Cancels children when its time has come.
class TORNADO_API Deadline {
 public:
  Deadline(Children& children, Delay timeout, std::source_location where);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  /// Throws Errc::timed_out if `task` ended because of this, and nothing else.
  void throw_if_late(const TaskFrame& task, const TaskFrame& owner) const;

 private:
  IOLoop& loop_;
  TimeoutHandle timeout_;
  bool passed_ = false;
};

}  // namespace detail

/// Gives the result of `task`. After `timeout` it cancels the task, waits for its end,
/// and throws Errc::timed_out. If the task has a result all the same, it returns the
/// result. The time begins with the await.
template <class T>
Task<T> with_timeout(Delay timeout, Task<T> task,
                     std::source_location where = std::source_location::current()) {
  detail::TaskFrame& self = co_await detail::FrameAwait();
  detail::Children children(self, where);
  detail::Promise<T>& child = children.add(task);
  const detail::Deadline deadline(children, timeout, where);
  co_await children.join();
  deadline.throw_if_late(child, self);
  co_return child.take();
}

/// Awaits `task` without passing a cancellation on to it. The awaiting task throws
/// Cancelled at its next await. For clean-up, also after a cancellation.
template <class T>
Task<T> shielded(Task<T> task) noexcept {
  if (task) task.frame()->shielded = true;
  return task;
}

/// A void result among others.
template <class T>
using ResultOf = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

namespace detail {
template <class T>
ResultOf<T> take_result(Promise<T>& promise) {
  if constexpr (std::is_void_v<T>) {
    promise.take();
    return {};
  } else {
    return promise.take();
  }
}
template <class T>
std::optional<ResultOf<T>> take_if_there(Promise<T>& promise) {
  if (promise.failed) return std::nullopt;
  return take_result(promise);
}
}  // namespace detail

/// Runs the tasks concurrently, and gives their results in the order of the arguments.
/// If a task fails, it cancels the others, waits for their ends, and throws the
/// exception. Exceptions of other tasks go to IOLoop::handle_callback_exception.
template <class... T>
Task<std::tuple<ResultOf<T>...>> multi(Task<T>... tasks) {
  detail::TaskFrame& self = co_await detail::FrameAwait();
  detail::Children children(self, self.function);
  const std::tuple<detail::Promise<T>&...> promises{children.add(tasks)...};
  co_await children.join();
  children.rethrow_failure();
  co_return std::apply(
      [](auto&... promise) {
        return std::tuple<ResultOf<T>...>{detail::take_result(promise)...};
      },
      promises);
}

/// The same for any number of tasks of one type.
template <class T>
Task<std::vector<ResultOf<T>>> multi(std::vector<Task<T>> tasks) {
  detail::TaskFrame& self = co_await detail::FrameAwait();
  detail::Children children(self, self.function);
  std::vector<detail::Promise<T>*> promises;
  promises.reserve(tasks.size());
  for (Task<T>& task : tasks) promises.push_back(&children.add(task));
  std::vector<ResultOf<T>> results;
  results.reserve(tasks.size());
  co_await children.join();
  children.rethrow_failure();
  for (auto* promise : promises) results.push_back(detail::take_result(*promise));
  co_return results;
}

/// Runs the tasks concurrently until one has ended. It cancels the other tasks, and
/// waits for their ends. Gives the results that are there then: one at least. If the
/// first task to end has failed, it throws that exception.
template <class... T>
Task<std::tuple<std::optional<ResultOf<T>>...>> first_of(Task<T>... tasks) {
  detail::TaskFrame& self = co_await detail::FrameAwait();
  detail::Children children(self, self.function, detail::Children::Until::one_ended);
  const std::tuple<detail::Promise<T>&...> promises{children.add(tasks)...};
  co_await children.join();
  children.rethrow_failure();
  co_return std::apply(
      [](auto&... promise) {
        return std::tuple<std::optional<ResultOf<T>>...>{
            detail::take_if_there(promise)...};
      },
      promises);
}

}  // namespace tornado
