// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "loop/loop_hooks.h"
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
  void modify(NativeFd fd, Events events, Token token) override {
    real_->modify(fd, events, token);
  }
  void remove(NativeFd fd) noexcept override;
  std::span<const Ready> wait(std::chrono::nanoseconds timeout) override;

 private:
  bool look(std::chrono::nanoseconds real_timeout);
  void look_for(std::chrono::nanoseconds real_time);
  [[noreturn]] void report_deadlock() const;

  SimulatedWorld& world_;
  std::unique_ptr<Poller> real_;
  std::map<NativeFd, Token> watched_;
  std::vector<Ready> ready_;
};

void SimulatedPoller::add(NativeFd fd, Events events, Token token) {
  const auto at = watched_.insert_or_assign(fd, token).first;
  try {
    real_->add(fd, events, token);
  } catch (...) {
    watched_.erase(at);
    throw;
  }
}

void SimulatedPoller::remove(NativeFd fd) noexcept {
  watched_.erase(fd);
  real_->remove(fd);
}

std::span<const Ready> SimulatedPoller::wait(nanoseconds timeout) {
  const bool sleeping = timeout != timeout.zero();
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
  if (next == (TimePoint::max)()) {
    look_for(world_.patience);
    if (ready_.empty()) report_deadlock();
  } else {
    world_.time.store(next.time_since_epoch().count(), std::memory_order_relaxed);
  }
  return ready_;
}

// Whether there was something.
bool SimulatedPoller::look(nanoseconds real_timeout) {
  const auto found = real_->wait(real_timeout);
  ready_.assign(found.begin(), found.end());
  world_.schedule.permute(ready_);
  return !ready_.empty();
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
