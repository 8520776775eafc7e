// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Threads for blocking calls.

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tornado/arrival.h"
#include "tornado/gen.h"
#include "tornado/loop_handle.h"

namespace tornado {

class Executor;

namespace detail {

class JobAwait;
struct ExecutorState;

/// A call on its way to a thread of an executor and back. The loop's thread destroys
/// it, unless the loop has closed.
class TORNADO_API Job : public Arrival {
 public:
  Job(LoopHandle loop, std::source_location where)
      : loop_(std::move(loop)), where_(where) {}
  ~Job() override;

  [[nodiscard]] const std::source_location& where() const noexcept { return where_; }
  [[nodiscard]] std::stop_source& stop() noexcept { return stop_; }
  /// On the executor's thread: calls, then tells the loop.
  static void run(std::shared_ptr<Job> job) noexcept;
  /// Tells the loop that it will not be called.
  static void refuse(std::shared_ptr<Job> job, std::exception_ptr why) noexcept;

 protected:
  virtual void call(const std::stop_token& token) = 0;
  std::exception_ptr failure_;

 private:
  friend class JobAwait;
  static void deliver(std::shared_ptr<Job> job) noexcept;
  void arrive() noexcept override;

  const LoopHandle loop_;
  const std::source_location where_;
  std::stop_source stop_;
  JobAwait* await_ = nullptr;  // of the loop's thread; null if nothing waits
};

template <class F, class... Args>
class JobOf final : public Job {
 public:
  static constexpr bool takes_token =
      std::is_invocable_v<F&, const std::stop_token&, Args...>;
  using Result = typename std::conditional_t<
      takes_token, std::invoke_result<F&, const std::stop_token&, Args...>,
      std::invoke_result<F&, Args...>>::type;
  static_assert(!std::is_reference_v<Result>, "the result of a job is a value");

  JobOf(LoopHandle loop, std::source_location where, F function, Args... args)
      : Job(std::move(loop), where),
        function_(std::move(function)),
        args_(std::move(args)...) {}

  Result take() {
    if (failure_) std::rethrow_exception(failure_);
    if constexpr (!std::is_void_v<Result>) return std::move(*result_);
  }

 private:
  void call(const std::stop_token& token) override {
    std::apply(
        [&](Args&... args) {
          if constexpr (std::is_void_v<Result>) {
            invoke(token, args...);
          } else {
            result_.emplace(invoke(token, args...));
          }
        },
        args_);
  }
  Result invoke(const std::stop_token& token, Args&... args) {
    if constexpr (takes_token) {
      return std::invoke(function_, token, std::move(args)...);
    } else {
      return std::invoke(function_, std::move(args)...);
    }
  }

  F function_;
  std::tuple<Args...> args_;
  std::optional<ResultOf<Result>> result_;
};

class TORNADO_API JobAwait final : public Suspension {
 public:
  JobAwait(Executor& executor, std::shared_ptr<Job> job) noexcept;
  ~JobAwait();
  bool ready() const noexcept { return false; }
  void suspend();
  void result() const noexcept {}
  bool withdraw() noexcept override;
  void after_fork() noexcept override;
  std::string describe() const override;

 private:
  friend class Job;
  const std::shared_ptr<ExecutorState> executor_;
  const std::shared_ptr<Job> job_;
  StopRequest stop_;  // of a job that runs, once the task is cancelled
};

}  // namespace detail

/// A bounded number of threads, which start when jobs need them. Jobs wait in one
/// queue, and begin in its order.
///
/// Threads: any thread may make any call. A job must not fork. In a forked child an
/// executor of the parent has no threads, and refuses jobs. In a child that takes a
/// loop over, awaits of jobs that the parent runs throw Errc::executor_closed. The
/// loop's own executor is then a new one.
class TORNADO_API Executor {
 public:
  /// At most `most_threads` threads. 0 means four more than the processors, up to 32.
  explicit Executor(std::size_t most_threads = 0);
  /// As close().
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Asks running jobs to stop, by their stop_token, and waits for their ends. Waiting
  /// jobs never begin, and their awaits throw Errc::executor_closed. Each second, the
  /// log names a job that has not ended.
  /// A job may call this: it does not wait for itself.
  void close() noexcept;

  [[nodiscard]] std::size_t threads() const noexcept;
  [[nodiscard]] std::size_t waiting() const noexcept;

 private:
  friend class detail::JobAwait;
  std::shared_ptr<detail::ExecutorState> state_;
};

namespace detail {
/// The loop's own executor if `executor` is null.
template <class F, class... Args>
Task<typename JobOf<F, Args...>::Result> run_job(Executor* executor, F function,
                                                 Args... args) {
  TaskFrame& self = co_await FrameAwait();
  TaskScheduler& scheduler = *self.scope->scheduler();
  const TaskFrame* const caller = self.parent();
  const auto job = std::make_shared<JobOf<F, Args...>>(
      scheduler.loop().handle(), caller ? caller->where : self.where,
      std::move(function), std::move(args)...);
  JobAwait wait(executor ? *executor : scheduler.executor(), job);
  co_await wait;
  co_return job->take();
}
}  // namespace detail

/// Calls `function(args...)` on a thread of `executor`. Gives its result, or throws its
/// exception. The function may take a std::stop_token before its arguments. The
/// function and the arguments live until the call has ended, and end on the loop's
/// thread.
///
/// Cancelling the task withdraws a job that has not begun. It asks a running job to
/// stop, and the await ends with the job. Destroying the task drops the result of its
/// job.
template <class F, class... Args>
auto run_in_executor(Executor& executor, F function, Args... args) {
  return detail::run_job<F, Args...>(&executor, std::move(function),
                                     std::move(args)...);
}
/// The same on the executor of the running loop: see IOLoop::set_default_executor.
template <class F, class... Args>
requires(!std::derived_from<F, Executor>) auto run_in_executor(F function,
                                                               Args... args) {
  return detail::run_job<F, Args...>(nullptr, std::move(function), std::move(args)...);
}

}  // namespace tornado
