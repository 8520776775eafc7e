// SPDX-License-Identifier: Apache-2.0
#include "tornado/executor.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "coroutine/task_trace.h"
#include "platform/fork_epoch.h"
#include "platform/log.h"
#include "platform/system_error.h"
#include "platform/thread.h"

namespace tornado {
namespace detail {
namespace {

std::exception_ptr closed_error() noexcept {
  try {
    throw_error(Errc::executor_closed, "run_in_executor");
  } catch (...) {  // it, or that there is no memory for it
    return std::current_exception();
  }
}

}  // namespace

/// What the threads of an executor and its users share.
struct ExecutorState : std::enable_shared_from_this<ExecutorState> {
  struct Running {
    const Job* job;
    std::stop_source stop;
    std::source_location where;
    std::thread::id thread;
    bool told = false;  // to stop
  };

  explicit ExecutorState(std::size_t most) : most_threads(most) {}

  void add(std::shared_ptr<Job> job);
  bool withdraw(const Job& job) noexcept;
  void close() noexcept;
  [[nodiscard]] bool ours() const noexcept { return epoch == fork_epoch(); }

  const std::size_t most_threads;
  const std::uint64_t epoch = fork_epoch();
  std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable ended;
  std::list<std::shared_ptr<Job>> waiting;
  std::vector<Running> running;
  std::vector<std::thread> threads;
  std::size_t idle = 0;
  bool closed = false;

 private:
  static bool is_own(const Running& one) noexcept {
    return one.thread == std::this_thread::get_id();
  }
  void start_thread();
  void stop_jobs(std::unique_lock<std::mutex>& lock);
  void serve();
  void name_those_that_run() const;
};

void ExecutorState::add(std::shared_ptr<Job> job) {
  if (!ours()) std::rethrow_exception(closed_error());
  const std::scoped_lock lock(mutex);
  if (closed) std::rethrow_exception(closed_error());
  running.reserve(most_threads);
  if (idle <= waiting.size() && threads.size() < most_threads) {
    try {
      start_thread();
    } catch (const std::system_error&) {
      if (threads.empty()) throw;  // else the existing threads do the job
    }
  }
  waiting.push_back(std::move(job));
  changed.notify_one();
}

void ExecutorState::start_thread() {
  threads.reserve(threads.size() + 1);
  threads.push_back(start_thread_with_signals_blocked(
      [self = shared_from_this()] { self->serve(); }));
}

void ExecutorState::serve() {
  std::unique_lock lock(mutex);
  for (;;) {
    ++idle;
    changed.wait(lock, [this] { return closed || !waiting.empty(); });
    --idle;
    if (waiting.empty()) return;
    std::shared_ptr<Job> job = std::move(waiting.front());
    waiting.pop_front();
    const Job* const name = job.get();
    running.push_back({name, job->stop(), job->where(), std::this_thread::get_id()});
    lock.unlock();
    Job::run(std::move(job));
    lock.lock();
    std::erase_if(running, [name](const Running& one) { return one.job == name; });
    ended.notify_all();
  }
}

// False if it has begun.
bool ExecutorState::withdraw(const Job& job) noexcept {
  if (!ours()) return true;  // its threads are the parent's
  std::shared_ptr<Job> withdrawn;
  const std::scoped_lock lock(mutex);
  const auto found = std::ranges::find(waiting, &job, &std::shared_ptr<Job>::get);
  if (found == waiting.end()) return false;
  withdrawn = std::move(*found);
  waiting.erase(found);
  return true;
}

void ExecutorState::close() noexcept {
  if (!ours()) {  // neither the threads nor the lock's holder are here
    for (std::thread& thread : threads) new std::thread(std::move(thread));
    threads.clear();
    return;
  }
  std::list<std::shared_ptr<Job>> never;
  std::vector<std::thread> ending;
  {
    std::unique_lock lock(mutex);
    closed = true;
    never.swap(waiting);
    stop_jobs(lock);
    changed.notify_all();
    while (!ended.wait_for(lock, std::chrono::seconds(1),
                           [this] { return std::ranges::all_of(running, is_own); })) {
      name_those_that_run();
    }
    ending.swap(threads);
  }
  for (std::thread& thread : ending) {
    if (thread.get_id() == std::this_thread::get_id()) {
      thread.detach();  // a job closes its own executor
    } else {
      thread.join();
    }
  }
  for (std::shared_ptr<Job>& job : never) Job::refuse(std::move(job), closed_error());
}

// Without the lock, since the callbacks of a token may use the executor.
void ExecutorState::stop_jobs(std::unique_lock<std::mutex>& lock) {
  for (;;) {
    const auto next = std::ranges::find(running, false, &Running::told);
    if (next == running.end()) return;
    next->told = true;
    std::stop_source stop = next->stop;
    lock.unlock();
    stop.request_stop();
    lock.lock();
  }
}

void ExecutorState::name_those_that_run() const {
  for (const Running& one : running) {
    if (is_own(one)) continue;
    log(LogLevel::warning,
        "Executor: waiting for the job that was started at " + place(one.where));
  }
}

// Jobs.

Job::~Job() = default;

void Job::run(std::shared_ptr<Job> job) noexcept {
  try {
    job->call(job->stop_.get_token());
  } catch (...) {
    job->failure_ = std::current_exception();
  }
  deliver(std::move(job));
}

void Job::refuse(std::shared_ptr<Job> job, std::exception_ptr why) noexcept {
  job->failure_ = std::move(why);
  deliver(std::move(job));
}

// The reference goes along, so that the loop's thread drops the last one.
void Job::deliver(std::shared_ptr<Job> job) noexcept {
  const LoopHandle loop = job->loop_;
  loop.post(std::move(job));
}

void Job::arrive() noexcept {
  if (JobAwait* const wait = std::exchange(await_, nullptr)) wait->resume();
}

JobAwait::JobAwait(Executor& executor, std::shared_ptr<Job> job) noexcept
    : executor_(executor.state_), job_(std::move(job)) {}

JobAwait::~JobAwait() {
  const bool waits = job_->await_ != nullptr;
  job_->await_ = nullptr;
  if (waits && !executor_->withdraw(*job_)) job_->stop_.request_stop();
}

void JobAwait::suspend() {
  executor_->add(job_);
  job_->await_ = this;
}

bool JobAwait::withdraw() noexcept {
  if (executor_->withdraw(*job_)) {
    job_->await_ = nullptr;
    return true;
  }
  stop_.source = job_->stop_;
  frame->scope->scheduler()->stop_later(stop_);
  return false;
}

void JobAwait::after_fork() noexcept {
  if (executor_->ours() || !job_->await_) return;
  job_->failure_ = closed_error();
  job_->arrive();
}

std::string JobAwait::describe() const {
  return "executor";
}

}  // namespace detail

Executor::Executor(std::size_t most_threads) {
  if (most_threads == 0) {
    most_threads = std::min<std::size_t>(std::thread::hardware_concurrency() + 4, 32);
  }
  state_ = std::make_shared<detail::ExecutorState>(most_threads);
}

Executor::~Executor() {
  close();
}

void Executor::close() noexcept {
  state_->close();
}

std::size_t Executor::threads() const noexcept {
  const std::scoped_lock lock(state_->mutex);
  return state_->threads.size();
}

std::size_t Executor::waiting() const noexcept {
  const std::scoped_lock lock(state_->mutex);
  return state_->waiting.size();
}

}  // namespace tornado
