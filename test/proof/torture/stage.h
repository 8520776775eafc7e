// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <exception>
#include <thread>

#include "scenarios.h"
#include "tornado/tornado.h"

namespace tornado::torture {

/// Most scenarios: a loop, and a right end.
struct Stage {
  explicit Stage(const Means& means) : Stage(means, {}) {}
  Stage(const Means& means, LoopOptions options)
      : loop((options.poller = means.poller, options.waker = means.waker, options)),
        patience(means.patience) {
    loop.set_exception_policy(ExceptionPolicy::rethrow);
  }
  /// False if it was not stopped in time.
  bool run() {
    left = patience;
    look_later();
    loop.start();
    next_look = {};
    return left.count() > 0;
  }
  // Each look gave the loop a turn: a process that gets no processor loses no patience.
  void look_later() {
    static constexpr std::chrono::milliseconds step{10};
    next_look = Timeout(loop, step, [this] {
      left -= step;
      left.count() > 0 ? look_later() : loop.stop();
    });
  }

  IOLoop loop;
  const std::chrono::milliseconds patience;
  std::chrono::milliseconds left{0};
  Timeout next_look;
};

/// A thread whose exceptions are join()'s, and which is joined in any case. One that
/// fails stops the loop, which would wait for it.
class Helper {
 public:
  template <class F>
  Helper(IOLoop& loop, F body)
      : thread_([this, body, handle = loop.handle()] {
          try {
            body();
          } catch (...) {
            failure_ = std::current_exception();
            handle.stop();
          }
        }) {}
  ~Helper() {
    if (thread_.joinable()) thread_.join();
  }
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  void join() {
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::exception_ptr failure_;
  std::thread thread_;
};

/// What `act` gives or throws. On a thread of its own, which keeps the frames of tasks
/// and the memory of streams until it ends.
template <class F>
bool on_a_thread(F act) {
  bool right = false;
  std::exception_ptr failure;
  std::thread([&] {
    try {
      right = act();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  return right;
}

}  // namespace tornado::torture
