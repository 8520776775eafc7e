// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// For tests of programs that use a loop: time that passes when nothing else is to do,
/// and an order of events that a seed decides. In a library of its own,
/// tornado::testing, which the loop does not need.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <vector>

#include "tornado/callback.h"
#include "tornado/ioloop.h"
#include "tornado/loop_types.h"
#include "tornado/registration.h"
#include "tornado/time.h"

namespace tornado {

struct SimulationOptions {
  /// 0: nothing is permuted.
  std::uint64_t seed = 0;
  /// How long, in real time, a loop to which nothing can happen waits for other threads
  /// and for descriptors before that is a deadlock.
  std::chrono::nanoseconds patience = std::chrono::seconds(1);
};

/// What the body of a simulated thread is given.
class SimulatedThread {
 public:
  SimulatedThread(const SimulatedThread&) = delete;
  SimulatedThread& operator=(const SimulatedThread&) = delete;

  /// Lets the loop and the other simulated threads go on; returns when the schedule
  /// comes back to this one, and not before `delay` of simulated time has passed. If
  /// the simulation ends first, it throws and so unwinds the thread. A body that
  /// catches this a hundred times is logged and left asleep until the program ends.
  virtual void pause(Delay delay = std::chrono::nanoseconds(0)) = 0;

 protected:
  SimulatedThread() = default;
  ~SimulatedThread() = default;
};

/// The clock, the wait and the schedule of one loop, made with options(), which it must
/// outlive. Descriptors, callbacks and signals are real.
///
/// Time stands still while the loop has something to do. When it would sleep, it looks
/// at its descriptors once, and if none is ready the time is at once that of the next
/// timeout. A wait without a timeout to which nothing can happen throws
/// std::errc::resource_deadlock_would_occur from start(), and names the descriptors
/// that were waited for.
///
/// A seed permutes what the contract of the loop leaves open: which of the ready
/// descriptors comes first, when each simulated thread goes on, and so how their posts
/// interleave. Timeouts with equal deadlines, and the posts of one thread, have an
/// order by contract and keep it. One seed gives one run, always, as far as the
/// program has no other source of chance: threads that are not simulated post when
/// they do.
///
/// Threads: now() is for any; the rest for the loop's. Does not survive fork().
class TORNADO_API Simulation {
 public:
  using Body = UniqueFunction<void(SimulatedThread&)>;

  explicit Simulation(const SimulationOptions& options = {});
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  /// `options` for a loop that lives here: LoopOptions::spin has no effect then.
  [[nodiscard]] LoopOptions options(LoopOptions options = {}) noexcept;

  [[nodiscard]] TimePoint now() const noexcept;

  /// A real thread that runs only while the loop waits, one at a time, from one pause()
  /// to the next. It may use a LoopHandle, and must not wait for the loop by other
  /// means than pause(). An exception that leaves it leaves start().
  void add_thread(Body body);

  /// As long as a copy of this lives, the loop waits for descriptors and for other
  /// threads without a limit, and time stands still: for what happens outside, such as
  /// the end of a child. Let it go on the loop's thread.
  [[nodiscard]] std::shared_ptr<void> hold_time();

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// TORNADO_TEST_SEED alone, if it is set, so that a failure can be had again; else 1 to
/// `count`.
[[nodiscard]] TORNADO_API std::vector<std::uint64_t> simulation_seeds(
    std::size_t count);

/// A loop in simulated time for tests: with GoogleTest,
/// `class Server : public tornado::SimulatedLoop<testing::Test> {};`. A test that does
/// not stop its loop ends as a deadlock, or when `limit` has passed, as
/// Errc::timed_out.
template <class Base>
class SimulatedLoop : public Base {
 protected:
  explicit SimulatedLoop(const SimulationOptions& options = {}) : simulation(options) {}

  /// Runs the loop until it is stopped.
  void run(Delay limit = std::chrono::hours(1000)) {
    bool late = false;
    const Timeout alarm(loop, limit, [this, &late] {
      late = true;
      loop.stop();
    });
    loop.start();
    if (late) throw std::system_error(Errc::timed_out, "SimulatedLoop::run");
  }

  Simulation simulation;
  IOLoop loop{simulation.options()};
};

}  // namespace tornado
