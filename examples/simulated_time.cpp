// SPDX-License-Identifier: Apache-2.0
// Tests of programs that wait: time that passes at once, deadlocks that are reported,
// and races that a seed finds again.

#include <tornado/testing.h>
#include <tornado/tornado.h>

#include <iostream>
#include <system_error>

using namespace std::chrono_literals;

namespace {

/// What is tested: tries until the sixth time, after twice as long each time.
class Retry {
 public:
  explicit Retry(tornado::IOLoop& loop) : loop_(loop) {}
  void attempt() {
    if (++attempts_ == 6) return loop_.stop();
    loop_.call_later(pause_, [this] { attempt(); });
    pause_ *= 2;
  }
  [[nodiscard]] int attempts() const { return attempts_; }

 private:
  tornado::IOLoop& loop_;
  int attempts_ = 0;
  std::chrono::hours pause_ = 1h;
};

void retry_for_hours() {
  tornado::Simulation simulation;
  tornado::IOLoop loop(simulation.options());
  const tornado::TimePoint begin = loop.time();
  Retry retry(loop);
  loop.add_callback([&retry] { retry.attempt(); });
  loop.start();
  std::cout << retry.attempts() << " attempts in " << (loop.time() - begin) / 1h
            << " hours\n";
}

void wait_for_nothing() {
  tornado::Simulation simulation({.seed = 0, .patience = 0ms});
  tornado::IOLoop loop(simulation.options());
  try {
    loop.start();
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::resource_deadlock_would_occur) throw;
    std::cout << "a loop that nothing can stop: deadlock\n";
  }
}

/// Two threads that each add one, and forget that others do.
int count_to_two(std::uint64_t seed) {
  tornado::Simulation simulation({.seed = seed, .patience = 0ms});
  tornado::IOLoop loop(simulation.options());
  int count = 0;
  for (int i = 0; i < 2; ++i) {
    simulation.add_thread([&count](tornado::SimulatedThread& self) {
      const int seen = count;
      self.pause();
      count = seen + 1;
    });
  }
  loop.call_later(1s, [&loop] { loop.stop(); });
  loop.start();
  return count;
}

void find_a_race() {
  for (const std::uint64_t seed : tornado::simulation_seeds(100)) {
    if (count_to_two(seed) == 2) continue;
    bool again = true;
    for (int i = 0; i < 100; ++i) again = again && count_to_two(seed) == 1;
    std::cout << "a seed that loses an update loses it "
              << (again ? "always" : "sometimes") << "\n";
    return;
  }
}

}  // namespace

int main() {
  retry_for_hours();
  wait_for_nothing();
  find_a_race();
}
