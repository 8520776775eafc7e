// SPDX-License-Identifier: Apache-2.0
// The waker's protocol, as the library compiles it, under every order of its memory
// operations that C++ allows. A lost wake is a deadlock, a coalesced wake that orders
// nothing a data race, and so is a write to descriptors that were given back.
#include <vector>

#include "platform/wake_protocol.h"
#include "proof/models/search.h"

namespace tornado::test {
namespace {

template <class T>
using NonAtomic = ExploredAtomics::NonAtomic<T>;
template <class T>
using Atomic = ExploredAtomics::Atomic<T>;

/// An eventfd. That the kernel orders what one thread writes before what another reads
/// is not relied upon.
class ModelledEnds {
 public:
  ModelledEnds() { open_ = true; }

  static std::uint64_t process() { return 1; }
  int open() const { return 0; }
  void replace(int) {
    use();
    count_ = 0;
  }
  void signal() {
    use();
    ++count_;
    edge_ = true;
    sleepers_.unpark_all(rl::ctx(), ExploredAtomics::info());
  }
  bool drain() {
    use();
    count_ = 0;
    return true;
  }
  void release() {
    rl::ctx().sched();
    open_ = false;
    ++releases_;
  }

  /// Whether there is a wake, and not before there is one if it may sleep.
  bool poll(bool may_sleep) {
    return wait(may_sleep, [this] { return count_ > 0; });
  }
  bool poll_edge(bool may_sleep) {
    return wait(may_sleep, [this] { return std::exchange(edge_, false); });
  }

  int releases() const { return releases_; }

 private:
  void use() {
    rl::ctx().sched();
    RL_ASSERT(open_);
  }
  template <class Ready>
  bool wait(bool may_sleep, Ready ready) {
    rl::ctx().sched();
    for (;;) {
      if (ready()) return true;
      if (!may_sleep) return false;
      sleepers_.park_current(rl::ctx(), false, false, false, ExploredAtomics::info());
    }
  }

  NonAtomic<bool> open_;
  int count_ = 0;
  bool edge_ = false;
  int releases_ = 0;
  rl::waitset<8> sleepers_;
};

using Protocol = WakeProtocol<ExploredAtomics, ModelledEnds>;

enum class Sleeper {
  consumes,  ///< what Waker offers at its simplest: poll, consume, look
  reads,     ///< a loop over a level-triggered poller
  by_edges   ///< a loop over epoll, which never reads
};

enum class Promise {
  arrival,  ///< a woken thread sees what was published before: no deadlock
  order     ///< and may read what was written before: no data race
};

template <Sleeper sleeper, int wakers, int wakes, Promise promise = Promise::order>
struct Sleep : rl::test_suite<Sleep<sleeper, wakers, wakes, promise>, wakers + 1> {
  void thread(unsigned index) {
    if (index == wakers) {
      sleep();
    } else {
      wake(index);
    }
  }

 private:
  static constexpr unsigned total = wakers * wakes;

  void wake(unsigned waker) {
    for (unsigned i = 0; i < wakes; ++i) {
      item_[waker * wakes + i] = true;
      published_[waker].store(i + 1, std::memory_order_relaxed);
      protocol_.wake();
      woke_[waker * wakes + i] = true;
    }
  }

  void sleep() {
    while (look() < total) {
      if constexpr (sleeper == Sleeper::consumes) {
        protocol_.ends().poll(true);
        const auto before = woke_;
        (void)protocol_.consume();
        expect_to_see(before);
      } else {
        const bool may_sleep = protocol_.arm();
        const bool woken = sleeper == Sleeper::reads
                               ? protocol_.ends().poll(may_sleep)
                               : protocol_.ends().poll_edge(may_sleep);
        const auto before = woke_;
        if (woken && sleeper == Sleeper::reads) {
          (void)protocol_.drain_and_disarm();
        } else {
          protocol_.disarm();
        }
        expect_to_see(before);
      }
    }
  }

  unsigned look() {
    unsigned seen = 0;
    for (auto& one : published_) seen += one.load(std::memory_order_relaxed);
    return seen;
  }

  // The wakes that were over when the flag was exchanged: what was written before them
  // may be read now, without a race.
  void expect_to_see(const std::array<bool, total>& woke) {
    for (unsigned i = 0; i < total; ++i) {
      if (promise == Promise::order && woke[i]) RL_ASSERT(item_[i]);
    }
  }

  Protocol protocol_;
  std::array<NonAtomic<bool>, total> item_;
  std::array<Atomic<unsigned>, wakers> published_;
  std::array<bool, total> woke_{};  // not part of the model: its observer
};

/// wake(), consume(), rebuild() and two close(), each on a thread of its own.
template <int wakers>
struct Close : rl::test_suite<Close<wakers>, wakers + 2> {
  void thread(unsigned index) {
    if (index < wakers) {
      protocol_.wake();
      protocol_.wake();
    } else if (index == wakers) {
      (void)protocol_.consume();
      protocol_.rebuild();
      protocol_.close();
    } else {
      protocol_.close();
    }
  }
  void after() { RL_ASSERT(protocol_.ends().releases() == 1); }

 private:
  Protocol protocol_;
};

using Consumes = Sleep<Sleeper::consumes, 2, 2>;
using Reads = Sleep<Sleeper::reads, 2, 2>;
using ByEdges = Sleep<Sleeper::by_edges, 2, 2>;

TEST(WakeProtocolModel, loses_no_wake_of_three_threads) {
  const auto params = at_random(scaled(1'000'000));
  expect_no_fault<Sleep<Sleeper::consumes, 3, 2>>("consumes, 3 wakers x 2", params);
  expect_no_fault<Sleep<Sleeper::reads, 3, 2>>("reads, 3 wakers x 2", params);
  expect_no_fault<Sleep<Sleeper::by_edges, 3, 2>>("by edges, 3 wakers x 2", params);
}

TEST(WakeProtocolModel, loses_no_wake_in_any_execution_with_few_switches) {
  expect_no_fault<Consumes>("consumes, 2 wakers x 2, 4 switches", in_full(4));
  expect_no_fault<Reads>("reads, 2 wakers x 2, 4 switches", in_full(4));
  expect_no_fault<ByEdges>("by edges, 2 wakers x 2, 4 switches", in_full(4));
}

TEST(WakeProtocolModel, gives_the_ends_back_once_and_after_their_last_use) {
  expect_no_fault<Close<2>>("close, 2 wakers", at_random(scaled(1'000'000)));
  expect_no_fault<Close<2>>("close, 2 wakers, 3 switches", in_full(3));
}

TEST(WakeProtocolModel, fails_with_any_weaker_order_or_operation) {
  using enum Operation;
  const auto params = at_random(1'000'000);
  const auto lost = [&](const Mutant& fault) {
    expect_caught<Sleep<Sleeper::reads, 3, 2, Promise::arrival>>(fault, params);
  };
  lost({"wake: loads the flag first", "::wake(", exchange, Fault::load_first});
  lost({"wake: loads, then stores", "::wake(", exchange, Fault::split});
  lost({"wake: relaxed", "::wake(", exchange, Fault::relaxed});
  lost({"disarm: relaxed", "::disarm(", exchange, Fault::relaxed});
  lost({"disarm: loads, then stores", "::disarm(", exchange, Fault::split});
  lost({"arm: loads, then stores", "::arm(", compare_exchange, Fault::split});
  lost({"arm: does not look", "::arm(", compare_exchange, Fault::blind});
  const auto unread = [&](const Mutant& fault) {
    expect_caught<Sleep<Sleeper::consumes, 3, 2, Promise::arrival>>(fault, params);
  };
  unread({"consume: relaxed", "::consume(", exchange, Fault::relaxed});
  unread({"consume: loads, then stores", "::consume(", exchange, Fault::split});
  const auto unordered = [&](const Mutant& fault) {
    expect_caught<Sleep<Sleeper::reads, 3, 2>>(fault, params);
  };
  unordered({"wake: publishes nothing", "::wake(", exchange, Fault::acquire});
  unordered({"disarm: acquires nothing", "::disarm(", exchange, Fault::release});
  const auto touched = [&](const Mutant& fault) {
    expect_caught<Close<2>>(fault, params);
  };
  touched({"release: relaxed", "::release(", fetch_sub, Fault::relaxed});
  touched({"release: publishes nothing", "::release(", fetch_sub, Fault::acquire});
  touched({"release: acquires nothing", "::release(", fetch_sub, Fault::release});
  touched({"release: loads, then stores", "::release(", fetch_sub, Fault::split});
  touched({"acquire: loads, then stores", "::acquire(", fetch_add, Fault::split});
  touched({"close: relaxed", "::close(", fetch_or, Fault::relaxed});
  touched({"close: loads, then stores", "::close(", fetch_or, Fault::split});
  touched({"claim: loads, then stores", "::claim(", exchange, Fault::split});
}

}  // namespace
}  // namespace tornado::test
