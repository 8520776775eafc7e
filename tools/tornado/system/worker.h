// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// A thread that leaves the signals to the main thread.

#include <pthread.h>

#include <functional>
#include <thread>

namespace tornado::cli {

/// Starts with every signal blocked, so that no handler runs on it unasked. Joined by
/// its destructor: tell it to end before.
class Worker {
 public:
  explicit Worker(std::function<void()> work);
  ~Worker();
  Worker(Worker&&) noexcept = default;
  Worker& operator=(Worker&&) = delete;

  /// For pthread_kill, while this lives.
  [[nodiscard]] pthread_t native() { return thread_.native_handle(); }

 private:
  std::thread thread_;
};

}  // namespace tornado::cli
