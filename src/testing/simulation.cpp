// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <numeric>
#include <utility>

#include "testing/simulated_poller.h"
#include "tornado/testing.h"

namespace tornado {

class Simulation::State final : public LoopHooks {
 public:
  explicit State(const SimulationOptions& options) : world(options.seed) {
    world.patience = options.patience;
  }
  [[nodiscard]] TimePoint now() const noexcept override { return world.now(); }
  std::unique_ptr<Poller> over(std::unique_ptr<Poller> poller) override {
    return std::make_unique<SimulatedPoller>(world, std::move(poller));
  }

  SimulatedWorld world;
};

Simulation::Simulation(const SimulationOptions& options)
    : state_(std::make_unique<State>(options)) {}

Simulation::~Simulation() = default;

LoopOptions Simulation::options(LoopOptions options) noexcept {
  options.hooks = state_->reference();
  return options;
}

TimePoint Simulation::now() const noexcept {
  return state_->now();
}

void Simulation::add_thread(Body body) {
  state_->world.schedule.add(std::make_unique<Actor>(std::move(body), *state_));
}

std::shared_ptr<void> Simulation::hold_time() {
  ++*state_->world.holds;
  return {nullptr, [holds = state_->world.holds](std::nullptr_t) { --*holds; }};
}

std::vector<std::uint64_t> simulation_seeds(std::size_t count) {
  if (const char* const given = std::getenv("TORNADO_TEST_SEED")) {
    return {std::strtoull(given, nullptr, 0)};
  }
  std::vector<std::uint64_t> seeds(count);
  std::iota(seeds.begin(), seeds.end(), std::uint64_t{1});
  return seeds;
}

}  // namespace tornado
