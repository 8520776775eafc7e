// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// For tests of programs that use a loop: simulated time, a simulated network, and an
/// order of events that a seed decides. The target is tornado::testing. The loop does
/// not need it.

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
#include "tornado/simulated_network.h"
#include "tornado/time.h"

namespace tornado {

struct SimulationOptions {
  /// Decides the order of events. 0 keeps the loop's own order.
  std::uint64_t seed = 0;
  /// How long, in real time, an idle loop waits for other threads and for descriptors.
  /// After that it reports a deadlock.
  std::chrono::nanoseconds patience = std::chrono::seconds(1);
};

/// The argument of the body of a simulated thread.
class SimulatedThread {
 public:
  SimulatedThread(const SimulatedThread&) = delete;
  SimulatedThread& operator=(const SimulatedThread&) = delete;

  /// Lets the loop and the other simulated threads go on. Returns when the schedule
  /// comes back to this thread, after `delay` of simulated time at the earliest. If the
  /// simulation ends first, it throws, which unwinds the thread. A body that catches
  /// this exception a hundred times is logged, and sleeps until the program ends.
  virtual void pause(Delay delay = std::chrono::nanoseconds(0)) = 0;

 protected:
  SimulatedThread() = default;
  ~SimulatedThread() = default;
};

/// The clock and the schedule of one loop, which is made with options(). It must
/// outlive the loop. Descriptors, callbacks and signals are real, except the sockets of
/// network().
///
/// Time stands still while the loop has work. Before it would sleep, the loop looks at
/// its descriptors once. If none is ready, the time jumps to the next timeout. If there
/// is no timeout either, start() throws std::errc::resource_deadlock_would_occur, with
/// the descriptors that the loop waits for.
/// The error also names each suspended task: its chain of awaits with their places, and
/// what the task waits for, such as a lock and its holder.
///
/// A seed permutes the orders that the loop does not promise: which ready descriptor is
/// first, and when each simulated thread goes on. Timeouts with equal deadlines, and
/// the callbacks of one thread, keep their order. One seed always gives the same run,
/// unless the program has another source of chance, such as real threads.
///
/// Threads: now() is for any thread, the rest for the loop's thread. Not for a forked
/// child.
class TORNADO_API Simulation {
 public:
  using Body = UniqueFunction<void(SimulatedThread&)>;

  explicit Simulation(const SimulationOptions& options = {});
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  /// `options` for a loop in this simulation. LoopOptions::spin has no effect there.
  [[nodiscard]] LoopOptions options(LoopOptions options = {}) noexcept;

  [[nodiscard]] TimePoint now() const noexcept;

  /// Adds a real thread that runs only while the loop waits, from one pause() to the
  /// next. One such thread runs at a time. It may use a LoopHandle, and waits for the
  /// loop by pause() only. An exception that leaves `body` leaves start().
  void add_thread(Body body);

  /// The network of the simulation. The first call makes it, for the calling thread.
  /// Another thread gets Errc::wrong_thread. Throws std::logic_error if the thread has
  /// a network of another simulation. Sockets that are open when the simulation ends
  /// are of no use, and are closed as usual.
  [[nodiscard]] SimulatedNetwork& network();

  /// While a copy of the result lives, time stands still, and the loop waits without a
  /// limit. For events from outside, such as the end of a child. Destroy the last copy
  /// on the loop's thread.
  [[nodiscard]] std::shared_ptr<void> hold_time();

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// The seeds 1 to `count`. If TORNADO_TEST_SEED is set, only that seed, to repeat a
/// failure.
[[nodiscard]] TORNADO_API std::vector<std::uint64_t> simulation_seeds(
    std::size_t count);

/// A loop in simulated time for tests. With GoogleTest:
/// `class Server : public tornado::SimulatedLoop<testing::Test> {};`. A test that does
/// not stop its loop ends as a deadlock, or after `limit` with Errc::timed_out.
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
