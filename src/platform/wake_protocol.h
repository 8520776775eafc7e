// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "platform/gate.h"
#include "platform/pause_point.h"

namespace tornado {

/// How a sleeper and those who wake it agree, whatever they write to and read from.
///
/// Whoever wakes has published, then exchanges the flag, then writes. The sleeper reads
/// the descriptor, then exchanges the flag, then looks at what was published. Each
/// exchange of the one reads what an exchange of the other wrote, or the reverse; a
/// plain load in front of any of them would lose wakes, even on x86, whose stores wait
/// in a buffer while later loads go ahead (libuv's pull request 349). As each is a
/// read-modify-write, all wakes since the last look are in one release sequence, so
/// that a coalesced one happens-before the turn that serves it.
///
/// `Ends` are the descriptors: signal() and drain() write to and read from them, and
/// release() gives them back, each noexcept; open() makes new ones, and replace() puts
/// those in their place. process() is a number that a forked child finds changed.
template <class Memory, class Ends>
class WakeProtocol {
 public:
  template <class... Args>
  explicit WakeProtocol(Args&&... args) : ends_(std::forward<Args>(args)...) {}

  Ends& ends() noexcept { return ends_; }
  const Ends& ends() const noexcept { return ends_; }

  // Any thread, any signal handler.

  void wake() noexcept {
    pause_at(PausePoint::wake_began);
    if (flag_.exchange(Flag::notified, std::memory_order_acq_rel) != Flag::armed) {
      coalesced_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    pause_at(PausePoint::wake_found_it_armed);
    if (!ours()) return;
    const Visit visit(*this);
    if (!visit.let_in()) return;
    pause_at(PausePoint::wake_let_in);
    ends_.signal();
    written_.fetch_add(1, std::memory_order_relaxed);
  }

  void close() noexcept {
    // In a forked child those that the gate still counts as inside do not exist.
    const bool last = gate_.shut();
    pause_at(PausePoint::shut);
    if (last || !ours()) ends_.release();
  }

  // The sleeper.

  bool consume() noexcept {
    if (!ours()) return false;
    const bool alive = drain();
    pause_at(PausePoint::consume_drained);
    flag_.exchange(Flag::armed, std::memory_order_acq_rel);
    return alive;
  }

  bool answer() noexcept {
    if (!ours()) return false;
    const bool alive = drain();
    pause_at(PausePoint::answer_drained);
    disarm();
    return alive;
  }

  bool arm() noexcept {
    Flag seen = Flag::awake;
    return flag_.compare_exchange_strong(seen, Flag::armed,
                                         std::memory_order_acq_rel) ||
           seen == Flag::armed;
  }

  void disarm() noexcept { flag_.exchange(Flag::awake, std::memory_order_acq_rel); }

  void rebuild() {
    auto fresh = ends_.open();
    pause_at(PausePoint::rebuild_opened);
    if (!ours()) gate_.evict();
    const Visit visit(*this);
    if (!visit.let_in()) return;
    pause_at(PausePoint::rebuild_let_in);
    ends_.replace(std::move(fresh));
    pause_at(PausePoint::rebuild_replaced);
    // Whoever sees this finds the gate evicted.
    owner_.store(Ends::process(), std::memory_order_release);
    rebuilt_.fetch_add(1, std::memory_order_relaxed);
    pause_at(PausePoint::rebuild_owned);
    // Told anew: what was written to the old ends is lost, and so is a wake that found
    // them another process's.
    flag_.exchange(Flag::notified, std::memory_order_acq_rel);
    ends_.signal();
  }

  std::uint64_t written() const noexcept { return written_.load(); }
  std::uint64_t coalesced() const noexcept { return coalesced_.load(); }
  std::uint64_t rebuilt() const noexcept { return rebuilt_.load(); }

 private:
  template <class T>
  using Atomic = typename Memory::template Atomic<T>;

  /// What the next wake() has to do.
  enum class Flag : std::uint32_t {
    armed,     ///< write: the sleeper may be asleep
    notified,  ///< nothing: it has been told
    awake,     ///< nothing but say so: it will look before it sleeps
  };

  /// While one lasts that was let in, the ends stay; the last one out releases them.
  class Visit {
   public:
    explicit Visit(WakeProtocol& host) noexcept
        : host_(host), let_in_(host.gate_.enter()) {}
    ~Visit() {
      if (host_.gate_.leave()) host_.ends_.release();
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    [[nodiscard]] bool let_in() const noexcept { return let_in_; }

   private:
    WakeProtocol& host_;
    const bool let_in_;
  };

  bool drain() noexcept {
    // Whoever closes meanwhile must not make this read from a reused number.
    const Visit visit(*this);
    if (!visit.let_in()) return false;
    pause_at(PausePoint::drain_let_in);
    return ends_.drain();
  }

  static_assert(Atomic<Flag>::is_always_lock_free);
  static_assert(Atomic<std::uint64_t>::is_always_lock_free);

  bool ours() const noexcept {
    return owner_.load(std::memory_order_acquire) == Ends::process();
  }

  Ends ends_;
  Gate<Memory> gate_;
  Atomic<std::uint64_t> owner_{Ends::process()};
  Atomic<Flag> flag_{Flag::armed};
  Atomic<std::uint64_t> written_{0};
  Atomic<std::uint64_t> coalesced_{0};
  Atomic<std::uint64_t> rebuilt_{0};
};

}  // namespace tornado
