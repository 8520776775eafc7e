// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// A group that owns any number of tasks.

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tornado/ioloop.h"
#include "tornado/task.h"

namespace tornado {

/// What a group does when one of its tasks fails.
enum class OnFailure : std::uint8_t {
  cancel_others,  ///< join() throws the exception when all tasks have ended
  report,         ///< handle_callback_exception gets it, and the other tasks go on
};

/// Owns the tasks that it starts: no task outlives the group.
///
/// Threads: all calls are for the thread of its loop. The group may outlive the loop,
/// which destroys the tasks when it closes. A task of the group may destroy the group:
/// that task is cancelled, and ends by itself.
class TORNADO_API TaskGroup final : private detail::TaskScope {
 public:
  using Location = std::source_location;

  explicit TaskGroup(OnFailure on_failure = OnFailure::cancel_others);
  /// Error: Errc::wrong_thread while another thread runs the loop.
  explicit TaskGroup(IOLoop& loop, OnFailure on_failure = OnFailure::cancel_others);
  /// Destroys the tasks where they are suspended. The newest task ends first.
  /// A failure that no join() has thrown goes to IOLoop::handle_callback_exception.
  ~TaskGroup();

  /// The task begins in the next turn of the loop, or never if the group is cancelled.
  /// Errors: Errc::loop_closed; std::errc::invalid_argument for an empty task. The same
  /// for the task of a function with a parameter T&&, or of a lambda with captures.
  /// Pass the lambda itself.
  void start(Task<void> task, Location where = Location::current());
  /// Keeps `function` and `args` until the task has ended.
  template <class F, class... Args>
  requires TaskFunction<F, Args...>
  void start(F&& function, Args&&... args) {
    start(detail::call_task<std::decay_t<F>, std::decay_t<Args>...>(
        std::forward<F>(function), std::forward<Args>(args)...));
  }

  /// Every task throws Cancelled where it is suspended, and at each later await.
  void cancel(Location where = Location::current()) noexcept {
    cancel_and_stop({CancelReason::requested, where});
  }
  using detail::TaskScope::cancelled;
  using detail::TaskScope::size;

  class Join;
  /// Waits until no task is left. Then it throws the first failure; other failures go
  /// to IOLoop::handle_callback_exception. Cancelling the waiting task cancels the
  /// group, and the await throws Cancelled when all have ended. The group may be used
  /// again.
  [[nodiscard]] Join join() noexcept;

 private:
  void on_end(detail::TaskFrame& root) override;
  void tell_joining() noexcept;

  const OnFailure on_failure_;
  std::exception_ptr failure_;
  std::unique_ptr<detail::TaskTrace> trace_;  // of the failure
  detail::List<Join> joining_;
};

class TORNADO_API TaskGroup::Join final : public detail::Suspension,
                                          public detail::ListLink<TaskGroup::Join> {
 public:
  explicit Join(TaskGroup& group) noexcept : group_(&group) {}
  bool ready() const;
  void suspend() noexcept { link_behind(group_->joining_); }
  void result();
  bool withdraw() noexcept override;
  std::string describe() const override;

 private:
  friend class TaskGroup;
  void finish() noexcept;

  TaskGroup* group_;  // null once it was destroyed
  bool passed_on_ = false;
};
inline TaskGroup::Join TaskGroup::join() noexcept {
  return Join(*this);
}

}  // namespace tornado
