// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "loop/loop_hooks.h"
#include "platform/system_error.h"
#include "testing/network_core.h"
#include "testing/schedule.h"
#include "tornado/ioloop.h"
#include "tornado/task_info.h"
#include "tornado/testing.h"

namespace tornado {

using std::chrono::nanoseconds;

/// What a simulation and its poller share.
struct SimulatedWorld {
  explicit SimulatedWorld(std::uint64_t seed) : schedule(seed) {}

  [[nodiscard]] TimePoint now() const noexcept {
    return TimePoint(std::chrono::nanoseconds(time.load(std::memory_order_relaxed)));
  }

  std::atomic<std::int64_t> time{
      std::chrono::nanoseconds(std::chrono::hours(1)).count()};
  Schedule schedule;
  std::shared_ptr<NetworkCore> network;  // null until there is one
  std::chrono::nanoseconds patience{};
  // Shared with the holds, which may outlive the simulation.
  std::shared_ptr<int> holds = std::make_shared<int>(0);
};

/// Looks at the descriptors of another poller, and lets simulated time pass instead of
/// sleeping.
class SimulatedPoller final : public Poller {
 public:
  SimulatedPoller(SimulatedWorld& world, std::unique_ptr<Poller> real)
      : world_(world), real_(std::move(real)) {}

  [[nodiscard]] PollerKind kind() const noexcept override { return real_->kind(); }
  [[nodiscard]] Events modes() const noexcept override { return real_->modes(); }
  [[nodiscard]] bool supports(Events events) const noexcept override {
    return real_->supports(events);
  }
  void add(NativeFd fd, Events events, Token token) override;
  void modify(NativeFd fd, Events events, Token token) override;
  void remove(NativeFd fd) noexcept override;
  std::span<const Ready> wait(std::chrono::nanoseconds timeout) override;

 private:
  [[nodiscard]] bool is_simulated(NativeFd fd) const;
  void watch(NativeFd fd, Events events, Token token);
  bool look(std::chrono::nanoseconds real_timeout);
  void add_simulated();
  void look_for(std::chrono::nanoseconds real_time);
  [[noreturn]] void report_deadlock() const;

  SimulatedWorld& world_;
  std::unique_ptr<Poller> real_;
  std::map<NativeFd, Token> watched_;
  std::map<NativeFd, NetworkCore::Watch> simulated_;  // of the network
  std::vector<Ready> ready_;
};

bool SimulatedPoller::is_simulated(NativeFd fd) const {
  return world_.network && world_.network->contains(fd);
}

void SimulatedPoller::watch(NativeFd fd, Events events, Token token) {
  simulated_.insert_or_assign(fd, NetworkCore::Watch{token, events});
  world_.network->touch(fd);
}

void SimulatedPoller::add(NativeFd fd, Events events, Token token) {
  if (is_simulated(fd)) return watch(fd, events, token);
  if (hooks_of(fd)) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                act_on("add_handler: a socket of another simulation:", fd));
  }
  const auto at = watched_.insert_or_assign(fd, token).first;
  try {
    real_->add(fd, events, token);
  } catch (...) {
    watched_.erase(at);
    throw;
  }
}

void SimulatedPoller::modify(NativeFd fd, Events events, Token token) {
  simulated_.contains(fd) ? watch(fd, events, token) : real_->modify(fd, events, token);
}

void SimulatedPoller::remove(NativeFd fd) noexcept {
  if (simulated_.erase(fd) > 0) return;
  watched_.erase(fd);
  real_->remove(fd);
}

std::span<const Ready> SimulatedPoller::wait(nanoseconds timeout) {
  NetworkCore* const network = world_.network.get();
  const bool sleeping = timeout != timeout.zero();
  if (network) network->run_due();
  const bool stepped = world_.schedule.step(world_.now(), sleeping);
  if (look(nanoseconds::zero()) || stepped || !sleeping) return ready_;
  if (*world_.holds > 0) {
    look(nanoseconds(-1));
    return ready_;
  }
  TimePoint next = world_.schedule.next_due();
  if (timeout > timeout.zero()) {
    next = std::min(next, Delay(timeout).after(world_.now()));
  }
  if (network) next = std::min(next, network->next_event());
  if (next == (TimePoint::max)()) {
    look_for(world_.patience);
    if (ready_.empty()) report_deadlock();
  } else {
    world_.time.store(next.time_since_epoch().count(), std::memory_order_relaxed);
    if (network) network->run_due();
    add_simulated();
  }
  return ready_;
}

// Whether there was something.
bool SimulatedPoller::look(nanoseconds real_timeout) {
  const auto found = real_->wait(real_timeout);
  ready_.assign(found.begin(), found.end());
  add_simulated();
  return !ready_.empty();
}

void SimulatedPoller::add_simulated() {
  if (world_.network) world_.network->collect(simulated_, ready_);
  world_.schedule.permute(ready_);
}

void SimulatedPoller::look_for(nanoseconds real_time) {
  const TimePoint end = Delay(real_time).after(Clock::now());
  for (TimePoint now = Clock::now(); now < end; now = Clock::now()) {
    if (look(end - now)) return;
  }
}

namespace {

/// What the tasks of the loop that runs wait for, a line each.
std::string stuck_tasks() {
  constexpr std::size_t most = 50;
  const IOLoop* const loop = IOLoop::current(false);
  const std::vector<TaskInfo> tasks = loop ? loop->tasks() : std::vector<TaskInfo>();
  if (tasks.empty()) return {};
  std::string text = "; " + std::to_string(tasks.size()) +
                     (tasks.size() == 1 ? " task waits" : " tasks wait");
  for (std::size_t i = 0; i < tasks.size() && i < most; ++i) {
    text.append("\n  ").append(to_string(tasks[i]));
  }
  return tasks.size() > most ? text + "\n  ..." : text;
}

}  // namespace

void SimulatedPoller::report_deadlock() const {
  std::string act = "IOLoop deadlock: no callback, no timeout, and ";
  std::string numbers;
  for (const auto& [fd, token] : watched_) {
    if (token != waker_token) numbers.append(" ").append(std::to_string(fd));
  }
  for (const auto& [fd, watch] : simulated_) {
    numbers.append(" ").append(std::to_string(fd));
    if (world_.network) numbers.append(world_.network->describe(fd));
  }
  if (numbers.empty()) {
    act.append("no descriptor");
  } else {
    act.append("nothing to come from fd").append(numbers);
  }
  act.append(stuck_tasks());
  throw std::system_error(
      std::make_error_code(std::errc::resource_deadlock_would_occur), act);
}

class Simulation::State final : public LoopHooks {
 public:
  explicit State(const SimulationOptions& options)
      : seed(options.seed), world(options.seed) {
    world.patience = options.patience;
  }
  [[nodiscard]] TimePoint now() const noexcept override { return world.now(); }
  std::unique_ptr<Poller> over(std::unique_ptr<Poller> poller) override {
    return std::make_unique<SimulatedPoller>(world, std::move(poller));
  }

  const std::uint64_t seed;
  SimulatedWorld world;
  std::unique_ptr<SimulatedNetwork> network;
  std::thread::id thread;  // of the network
};

Simulation::Simulation(const SimulationOptions& options)
    : state_(std::make_unique<State>(options)) {}

Simulation::~Simulation() {
  if (state_->network) leave_network(state_->world.network);
}

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

SimulatedNetwork& Simulation::network() {
  State& state = *state_;
  if (!state.network) {
    const auto core = std::make_shared<NetworkCore>(state, state.seed);
    std::unique_ptr<SimulatedNetwork> made(new SimulatedNetwork(core));
    enter_network(core);
    state.thread = std::this_thread::get_id();
    state.world.network = core;
    state.network = std::move(made);
  }
  if (state.thread != std::this_thread::get_id()) {
    throw_error(Errc::wrong_thread, "Simulation::network");
  }
  return *state.network;
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
