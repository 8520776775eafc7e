// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "loop/loop_hooks.h"
#include "testing/schedule.h"

namespace tornado {

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

}  // namespace tornado
