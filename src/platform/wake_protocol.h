// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "platform/sync_point.h"

namespace tornado {

/// A reference count that can be closed. Exactly one call returns true: the one after
/// which the count is zero and stays zero.
template <class Atomics>
class CloseGuard {
 public:
  /// False: it is closed. release() has to follow in either case.
  [[nodiscard]] bool acquire() noexcept {
    return !(state_.fetch_add(one, std::memory_order_acq_rel) & closed_bit);
  }
  [[nodiscard]] bool release() noexcept {
    return state_.fetch_sub(one, std::memory_order_acq_rel) == (one | closed_bit) &&
           claim();
  }
  [[nodiscard]] bool close() noexcept {
    return state_.fetch_or(closed_bit, std::memory_order_acq_rel) == 0 && claim();
  }
  /// For a forked child, where the threads that hold a reference do not exist.
  void reset_after_fork() noexcept {
    state_.fetch_and(closed_bit, std::memory_order_acq_rel);
  }

 private:
  // An acquire() that fails also counts up and down, and can reach zero a second time.
  bool claim() noexcept { return !claimed_.exchange(true, std::memory_order_acq_rel); }

  static constexpr std::uint32_t closed_bit = 1;
  static constexpr std::uint32_t one = 2;
  typename Atomics::template Atomic<std::uint32_t> state_{0};
  typename Atomics::template Atomic<bool> claimed_{false};
};

/// The protocol between a sleeper and the threads that wake it, over any descriptors.
///
/// A thread that wakes publishes, then exchanges the flag, then writes. The sleeper
/// reads the descriptor, then exchanges the flag, then looks at what was published. Of
/// two such exchanges one reads what the other wrote. A plain load before either of
/// them would lose wakes, even on x86, whose stores wait in a buffer while later loads
/// go ahead (libuv's pull request 349). Each exchange is a read-modify-write, so that
/// all wakes since the last look are in one release sequence: a coalesced wake
/// happens-before the turn that serves it.
///
/// A thread that finds the flag armed may be preempted before it writes. Each wake
/// until then writes, too, so that no thread delays the wakes of another.
///
/// `Ends` are the descriptors. signal() writes to them, drain() reads from them, and
/// release() closes them; all three are noexcept. open() makes new ends, and replace()
/// puts them in the place of the old. process() returns a number that changes in a
/// forked child.
template <class Atomics, class Ends>
class WakeProtocol {
 public:
  template <class... Args>
  explicit WakeProtocol(Args&&... args) : ends_(std::forward<Args>(args)...) {}

  Ends& ends() noexcept { return ends_; }
  const Ends& ends() const noexcept { return ends_; }

  // Any thread, any signal handler.

  void wake() noexcept {
    sync_point(SyncPoint::wake_began);
    const Flag seen = flag_.exchange(Flag::notified, std::memory_order_acq_rel);
    std::uint64_t sleep = unwritten_.load(std::memory_order_relaxed);
    if (seen != Flag::armed && (seen != Flag::notified || sleep == 0)) {
      coalesced_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    sync_point(SyncPoint::wake_found_it_armed);
    if (!ours()) return;
    const Use use(*this);
    if (!use.allowed()) return;
    sync_point(SyncPoint::wake_let_in);
    ends_.signal();
    written_.fetch_add(1, std::memory_order_relaxed);
    // Not those of a later sleep.
    if (sleep != 0) {
      unwritten_.compare_exchange_strong(sleep, 0, std::memory_order_relaxed);
    }
  }

  void close() noexcept {
    // In a forked child the threads that the guard still counts do not exist.
    const bool last = guard_.close();
    sync_point(SyncPoint::shut);
    if (last || !ours()) ends_.release();
  }

  // The sleeper.

  bool consume() noexcept {
    if (!ours()) return false;
    const bool alive = drain();
    sync_point(SyncPoint::consume_drained);
    begin_sleep();
    flag_.exchange(Flag::armed, std::memory_order_acq_rel);
    return alive;
  }

  bool drain_and_disarm() noexcept {
    if (!ours()) return false;
    const bool alive = drain();
    sync_point(SyncPoint::answer_drained);
    disarm();
    return alive;
  }

  bool arm() noexcept {
    begin_sleep();
    Flag seen = Flag::awake;
    if (flag_.compare_exchange_strong(seen, Flag::armed, std::memory_order_acq_rel) ||
        seen == Flag::armed) {
      return true;
    }
    unwritten_.store(0, std::memory_order_relaxed);
    return false;
  }

  void disarm() noexcept {
    unwritten_.store(0, std::memory_order_relaxed);
    flag_.exchange(Flag::awake, std::memory_order_acq_rel);
  }

  void rebuild() {
    auto fresh = ends_.open();
    sync_point(SyncPoint::rebuild_opened);
    if (!ours()) guard_.reset_after_fork();
    const Use use(*this);
    if (!use.allowed()) return;
    sync_point(SyncPoint::rebuild_let_in);
    ends_.replace(std::move(fresh));
    sync_point(SyncPoint::rebuild_replaced);
    // A thread that reads this finds the guard reset.
    owner_.store(Ends::process(), std::memory_order_release);
    rebuilt_.fetch_add(1, std::memory_order_relaxed);
    sync_point(SyncPoint::rebuild_owned);
    // Wakes once: a write to the old ends is lost, and so is a wake that found them the
    // parent's.
    flag_.exchange(Flag::notified, std::memory_order_acq_rel);
    ends_.signal();
    unwritten_.store(0, std::memory_order_relaxed);
  }

  std::uint64_t written() const noexcept { return written_.load(); }
  std::uint64_t coalesced() const noexcept { return coalesced_.load(); }
  std::uint64_t rebuilt() const noexcept { return rebuilt_.load(); }

 private:
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

  /// What the next wake() does.
  enum class Flag : std::uint32_t {
    armed,     ///< writes, since the sleeper may be asleep
    notified,  ///< nothing, once another wake has written
    awake,     ///< sets the flag, which the sleeper reads before it sleeps
  };

  /// The ends stay open while an allowed use lasts. The last one releases them.
  class Use {
   public:
    explicit Use(WakeProtocol& host) noexcept
        : host_(host), allowed_(host.guard_.acquire()) {}
    ~Use() {
      if (host_.guard_.release()) host_.ends_.release();
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    [[nodiscard]] bool allowed() const noexcept { return allowed_; }

   private:
    WakeProtocol& host_;
    const bool allowed_;
  };

  // Before the flag is armed: the exchange that finds it armed orders this store before
  // the load that follows.
  void begin_sleep() noexcept {
    unwritten_.store(++sleeps_, std::memory_order_relaxed);
  }

  bool drain() noexcept {
    // A close() on another thread must not make this read from a reused number.
    const Use use(*this);
    if (!use.allowed()) return false;
    sync_point(SyncPoint::drain_let_in);
    return ends_.drain();
  }

  static_assert(Atomic<Flag>::is_always_lock_free);
  static_assert(Atomic<std::uint64_t>::is_always_lock_free);

  bool ours() const noexcept {
    return owner_.load(std::memory_order_acquire) == Ends::process();
  }

  Ends ends_;
  CloseGuard<Atomics> guard_;
  Atomic<std::uint64_t> owner_{Ends::process()};
  Atomic<Flag> flag_{Flag::armed};
  Atomic<std::uint64_t> unwritten_{1};  // the sleep that no wake has written for, or 0
  std::uint64_t sleeps_ = 1;            // the sleeper's
  Atomic<std::uint64_t> written_{0};
  Atomic<std::uint64_t> coalesced_{0};
  Atomic<std::uint64_t> rebuilt_{0};
};

}  // namespace tornado
