// SPDX-License-Identifier: Apache-2.0
#include "tornado/waker.h"

#include <atomic>

#include "platform/choice.h"
#include "platform/descriptors.h"
#include "platform/fork_epoch.h"
#include "platform/wake_mechanism.h"

namespace tornado {
namespace {

/// What the next wake() has to do.
enum class Flag : std::uint32_t {
  armed,     ///< write: the sleeper may be asleep
  notified,  ///< nothing: it has been told
  awake,     ///< nothing but say so: it will look before it sleeps
};

/// Lets any number of threads in until it is shut. Exactly one call says "you are the
/// last", after which nobody is in or will be let in.
class Gate {
 public:
  enum class Entry { inside, shut, shut_last };

  Entry enter() noexcept {
    if (!(state_.fetch_add(one, std::memory_order_acq_rel) & shut_bit)) {
      return Entry::inside;
    }
    return leave() ? Entry::shut_last : Entry::shut;
  }
  bool leave() noexcept {
    return state_.fetch_sub(one, std::memory_order_acq_rel) == (one | shut_bit) &&
           claim();
  }
  bool shut() noexcept {
    return state_.fetch_or(shut_bit, std::memory_order_acq_rel) == 0 && claim();
  }
  /// In a forked child, where nobody is inside whatever the count says.
  void reopen() noexcept { state_.fetch_and(shut_bit, std::memory_order_acq_rel); }

 private:
  // A latecomer counts itself in and out again, and so can see zero a second time.
  bool claim() noexcept { return !claimed_.exchange(true, std::memory_order_acq_rel); }

  static constexpr std::uint32_t shut_bit = 1;
  static constexpr std::uint32_t one = 2;
  std::atomic<std::uint32_t> state_{0};
  std::atomic<bool> claimed_{false};
};

static_assert(std::atomic<Flag>::is_always_lock_free);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace

struct Waker::State {
  explicit State(const WakeMechanism& m, FdPair ends)
      : mechanism(m),
        epoch(fork_epoch()),
        reader(ends.first.release()),
        writer(ends.second ? ends.second.release() : reader.load()) {}
  ~State() { close(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void signal() noexcept {
    switch (gate.enter()) {
      case Gate::Entry::inside:
        mechanism.signal(writer.load(std::memory_order_relaxed));
        written.fetch_add(1, std::memory_order_relaxed);
        if (gate.leave()) release();
        break;
      case Gate::Entry::shut_last:
        release();
        break;
      case Gate::Entry::shut:
        break;
    }
  }

  // In a forked child those that the gate still counts as inside do not exist.
  void close() noexcept {
    if (gate.shut() || !ours()) release();
  }

  bool ours() const noexcept {
    return epoch.load(std::memory_order_relaxed) == fork_epoch();
  }

  /// The writer first: a reader that has gone would turn a write into SIGPIPE.
  void release() noexcept {
    const NativeFd r = reader.exchange(invalid_fd);
    const NativeFd w = writer.exchange(invalid_fd);
    if (w != r) (void)try_close(w);
    if (r != invalid_fd) (void)try_close(r);
  }

  const WakeMechanism& mechanism;
  std::atomic<Flag> flag{Flag::armed};
  Gate gate;
  std::atomic<std::uint64_t> epoch;  // whose the waker is
  std::atomic<NativeFd> reader;
  std::atomic<NativeFd> writer;
  std::atomic<std::uint64_t> written{0};
  std::atomic<std::uint64_t> coalesced{0};
  std::atomic<std::uint64_t> rebuilt{0};
};

Waker::Waker(WakerKind kind)
    : state_(choose(wake_mechanisms(), kind, "TORNADO_WAKER", Errc::no_waker,
                    [](const WakeMechanism& mechanism) {
                      return std::make_unique<State>(mechanism, mechanism.open());
                    })) {}

Waker::~Waker() = default;

WakerKind Waker::kind() const noexcept {
  return state_->mechanism.kind;
}
NativeFd Waker::fileno() const noexcept {
  return state_->reader.load();
}
NativeFd Waker::write_fileno() const noexcept {
  return state_->writer.load();
}

// The protocol: whoever wakes has published, then exchanges the flag, then writes. The
// sleeper reads the descriptor, then exchanges the flag, then looks at what was
// published. Each exchange of the one reads what an exchange of the other wrote, or the
// reverse; a plain load in front of any of them would lose wakes, even on x86, whose
// stores wait in a buffer while later loads go ahead (libuv's pull request 349). As
// each is a read-modify-write, all wakes since the last look are in one release
// sequence, so that a coalesced one happens-before the turn that serves it.

void Waker::wake() noexcept {
  State& s = *state_;
  if (s.flag.exchange(Flag::notified, std::memory_order_acq_rel) != Flag::armed) {
    s.coalesced.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  ErrnoKeeper keep;
  if (s.ours()) s.signal();
}

bool Waker::consume() noexcept {
  State& s = *state_;
  ErrnoKeeper keep;
  if (!s.ours()) return false;
  const bool alive = s.mechanism.drain(s.reader.load(std::memory_order_relaxed));
  s.flag.exchange(Flag::armed, std::memory_order_acq_rel);
  return alive;
}

bool Waker::arm() noexcept {
  Flag seen = Flag::awake;
  return state_->flag.compare_exchange_strong(seen, Flag::armed,
                                              std::memory_order_acq_rel) ||
         seen == Flag::armed;
}

void Waker::disarm() noexcept {
  state_->flag.exchange(Flag::awake, std::memory_order_acq_rel);
}

// The numbers stay, so that a wake() under way on another thread writes into the old
// ends or the new ones and never elsewhere. The writer goes first: were the reader gone
// before it, a write in between would raise SIGPIPE.
void Waker::rebuild() {
  State& s = *state_;
  FdPair fresh = s.mechanism.open();
  if (!s.ours()) s.gate.reopen();
  if (s.gate.enter() != Gate::Entry::inside) return;  // closed meanwhile
  if (fresh.second) replace(s.writer.load(), std::move(fresh.second));
  replace(s.reader.load(), std::move(fresh.first));
  s.epoch.store(fork_epoch(), std::memory_order_relaxed);
  s.rebuilt.fetch_add(1, std::memory_order_relaxed);
  s.flag.exchange(Flag::notified, std::memory_order_acq_rel);
  if (s.gate.leave()) s.release();
}

void Waker::close() noexcept {
  state_->close();
}

WakerCounters Waker::counters() const noexcept {
  return {state_->written.load(), state_->coalesced.load(), state_->rebuilt.load()};
}

}  // namespace tornado
