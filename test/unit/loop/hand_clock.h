// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "loop/loop_hooks.h"

namespace tornado::test {

/// The clock and the waits of one loop. Waits with a limit end at once, and move the
/// clock instead; callbacks may move it, too. A wait without a limit is a real one.
class HandClock final : public LoopHooks {
 public:
  [[nodiscard]] TimePoint now() const noexcept override { return time; }
  std::unique_ptr<Poller> over(std::unique_ptr<Poller> poller) override {
    return std::make_unique<Watched>(*this, std::move(poller));
  }

  /// In seconds, as in Tornado's tables.
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(time.load().time_since_epoch()).count();
  }
  void advance(double seconds) {
    time = time.load() + Delay(std::chrono::duration<double>(seconds)).get();
  }

  std::atomic<TimePoint> time{TimePoint(std::chrono::seconds(1000))};
  std::vector<std::chrono::nanoseconds> waits;  ///< The limit of each, in order.
  std::atomic<std::uint64_t> sleeps{0};         ///< Waits without a limit so far.
  std::atomic<std::uint64_t> limited{0};        ///< Waits with a limit above zero.

 private:
  class Watched final : public Poller {
   public:
    Watched(HandClock& clock, std::unique_ptr<Poller> real)
        : clock_(clock), real_(std::move(real)) {}
    [[nodiscard]] PollerKind kind() const noexcept override { return real_->kind(); }
    [[nodiscard]] Events modes() const noexcept override { return real_->modes(); }
    void add(NativeFd fd, Events events, Token token) override {
      real_->add(fd, events, token);
    }
    void modify(NativeFd fd, Events events, Token token) override {
      real_->modify(fd, events, token);
    }
    void remove(NativeFd fd) noexcept override { real_->remove(fd); }
    std::span<const Ready> wait(std::chrono::nanoseconds timeout) override {
      clock_.waits.push_back(timeout);
      if (timeout < timeout.zero()) {
        ++clock_.sleeps;
        return real_->wait(timeout);
      }
      if (timeout > timeout.zero()) ++clock_.limited;
      const auto ready = real_->wait(timeout.zero());
      if (ready.empty()) clock_.time = clock_.time.load() + timeout;
      return ready;
    }

   private:
    HandClock& clock_;
    std::unique_ptr<Poller> real_;
  };
};

}  // namespace tornado::test
