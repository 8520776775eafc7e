// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "loop/lane_queue.h"
#include "platform/std_atomics.h"
#include "platform/sync_point.h"

namespace tornado {

using LoopLane = LaneQueue<StdAtomics>;

/// By which pushers and a sleeper do not miss each other: each announces itself before
/// it looks for the other. As the sleeper fences heavily in between, a push costs two
/// plain stores and a load.
template <class Atomics>
class SleepSign {
 public:
  enum class Rest { refused, unsure, sound };

  /// For pushers, after each push: whether the sleeper must be woken.
  [[nodiscard]] bool up() const noexcept {
    return asleep_.load(std::memory_order_seq_cst);
  }

  /// Whoever pushes from here on finds the sign up, until take_down(). `refused`: there
  /// was something, so it is down again. `unsure`: the fence failed, so do not sleep
  /// for long.
  template <class Waiting>
  [[nodiscard]] Rest put_up(Waiting waiting) noexcept {
    asleep_.store(true, std::memory_order_seq_cst);
    sync_point(SyncPoint::sign_put_up);
    const bool fenced = Atomics::fence_heavily();
    sync_point(SyncPoint::sign_fenced);
    if (!waiting()) return fenced ? Rest::sound : Rest::unsure;
    take_down();
    return Rest::refused;
  }
  void take_down() noexcept { asleep_.store(false, std::memory_order_relaxed); }

 private:
  typename Atomics::template Atomic<bool> asleep_{false};
};

/// The lanes into one loop.
class Lanes {
 public:
  Lanes() = default;
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;
  ~Lanes() { clear(); }

  // Any thread.

  /// The loop must be woken then, or it would not know whom to look at.
  void add(std::shared_ptr<LoopLane> lane) {
    auto* joined = new Joined{std::move(lane), joined_.load()};
    while (!joined_.compare_exchange_weak(joined->next, joined)) {
    }
  }
  /// Forgets the lanes that the loop has not looked at, for one that never will.
  void refuse_joined() noexcept;
  [[nodiscard]] const SleepSign<StdAtomics>& sign() const noexcept { return sign_; }

  // The loop's thread.

  [[nodiscard]] bool none() const noexcept {
    return lanes_.empty() && !joined_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool waiting() const noexcept {
    for (const auto& lane : lanes_) {
      if (lane->pushed() != lane->taken()) return true;
    }
    return joined_.load(std::memory_order_relaxed) != nullptr;
  }
  using Rest = SleepSign<StdAtomics>::Rest;
  [[nodiscard]] Rest fall_asleep() noexcept {
    return sign_.put_up([this] { return waiting(); });
  }
  void wake_up() noexcept { sign_.take_down(); }

  /// Calls `run(lane)` while there is something in one, up to what was there when its
  /// turn came, and forgets those that will have nothing more.
  template <class F>
  void run(F run) {
    admit();
    for (std::size_t i = 0; i < lanes_.size();) {
      LoopLane& lane = *lanes_[i];
      const bool last = lane.abandoned();
      const std::uint32_t until = lane.pushed();
      while (lane.taken() != until) {
        if (!run(lane)) return;
      }
      if (last) {
        lanes_.erase(lanes_.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
  }
  /// Destroys what waits.
  void clear() noexcept;

 private:
  struct Joined {
    std::shared_ptr<LoopLane> lane;
    Joined* next;
  };

  void admit();

  std::vector<std::shared_ptr<LoopLane>> lanes_;
  std::atomic<Joined*> joined_{nullptr};
  SleepSign<StdAtomics> sign_;
};

}  // namespace tornado
