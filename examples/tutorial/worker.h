// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

/// One thread that runs jobs in order. The destructor waits for all of them.
class Worker {
 public:
  Worker() : thread_([this] { run(); }) {}
  ~Worker() {
    add({});  // the last job
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void add(std::function<void()> job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    added_.notify_one();
  }

 private:
  void run() {
    while (const std::function<void()> job = next()) job();
  }
  std::function<void()> next() {
    std::unique_lock lock(mutex_);
    added_.wait(lock, [this] { return !jobs_.empty(); });
    std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    return job;
  }

  std::mutex mutex_;
  std::condition_variable added_;
  std::deque<std::function<void()>> jobs_;
  std::thread thread_;
};
