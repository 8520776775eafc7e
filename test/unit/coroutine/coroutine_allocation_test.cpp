// SPDX-License-Identifier: Apache-2.0
// Awaits, and waits for locks, queues and channels, allocate nothing.

#include <cstdint>

#include "stage.h"
#include "support/counted_new.h"
#include "tornado/channel.h"
#include "tornado/locks.h"
#include "tornado/queues.h"

namespace tornado::test {
namespace {

constexpr int rounds = 1000;
constexpr int rounds_to_settle = 300;

class WaitAllocations : public Stage {
 protected:
  /// Of a ping-pong by `ping()` and `pong()`, once it has run for a while.
  template <class F>
  std::uint64_t of(F ping, F pong) {
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    play([&, this]() -> Task<> {
      TaskGroup other(loop);
      const auto answer = [&]() -> Task<> {
        for (int i = 0; i < rounds; ++i) co_await pong();
      };
      other.start(answer);
      for (int i = 0; i < rounds; ++i) {
        if (i == rounds_to_settle) before = allocations;
        co_await ping();
      }
      after = allocations;
      co_await other.join();
    });
    return after - before;
  }
};

struct Step {
  explicit Step(Task<void> (*f)(void*), void* w) : function(f), what(w) {}
  Task<void> operator()() const { return function(what); }
  Task<void> (*function)(void*);
  void* what;
};

struct Pair {
  Queue<int> there{1};
  Queue<int> back{1};
  Channel<int> channel_there{1};
  Channel<int> channel_back{1};
  Semaphore ping{0};
  Semaphore pong{0};
};

Task<int> ready() {
  co_return 1;
}
Task<void> chain(int levels) {
  if (levels > 0) co_await chain(levels - 1);
}

TEST_F(WaitAllocations, of_awaits_and_of_spawned_tasks_are_none) {
  const auto ping = [](void* l) -> Task<> {
    (void)co_await ready();
    co_await chain(10);
    co_await sleep(0s);
    static_cast<IOLoop*>(l)->spawn_callback(chain(1));
    (void)co_await multi(ready(), ready());
    (void)co_await with_timeout(1s, ready());
  };
  const auto pong = [](void*) -> Task<> { co_await moment(); };
  EXPECT_EQ(of(Step(ping, &loop), Step(pong, &loop)), 0u);
}

// As many as wait at once in a loop that is busy.
TEST_F(WaitAllocations, of_a_thousand_tasks_at_once_are_none) {
  const auto ping = [](void* l) -> Task<> {
    for (int i = 0; i < 1000; ++i) {
      static_cast<IOLoop*>(l)->spawn_callback(chain(0));
    }
    co_await moment();
  };
  const auto pong = [](void*) -> Task<> { co_await moment(); };
  EXPECT_EQ(of(Step(ping, &loop), Step(pong, &loop)), 0u);
}

TEST_F(WaitAllocations, of_semaphores_are_none) {
  Pair pair;
  const auto ping = [](void* p) -> Task<> {
    static_cast<Pair*>(p)->pong.release();
    SemaphorePermit permit = co_await static_cast<Pair*>(p)->ping.acquire(1s);
    permit.detach();
  };
  const auto pong = [](void* p) -> Task<> {
    SemaphorePermit permit = co_await static_cast<Pair*>(p)->pong.acquire(1s);
    permit.detach();
    static_cast<Pair*>(p)->ping.release();
  };
  EXPECT_EQ(of(Step(ping, &pair), Step(pong, &pair)), 0u);
}

TEST_F(WaitAllocations, of_queues_are_none) {
  Pair pair;
  const auto ping = [](void* p) -> Task<> {
    co_await static_cast<Pair*>(p)->there.put(1, 1s);
    (void)co_await static_cast<Pair*>(p)->back.get(1s);
  };
  const auto pong = [](void* p) -> Task<> {
    (void)co_await static_cast<Pair*>(p)->there.get(1s);
    co_await static_cast<Pair*>(p)->back.put(1, 1s);
  };
  EXPECT_EQ(of(Step(ping, &pair), Step(pong, &pair)), 0u);
}

TEST_F(WaitAllocations, of_channels_are_none) {
  Pair pair;
  const auto ping = [](void* p) -> Task<> {
    co_await static_cast<Pair*>(p)->channel_there.send(1, 1s);
    (void)co_await static_cast<Pair*>(p)->channel_back.receive(1s);
  };
  const auto pong = [](void* p) -> Task<> {
    (void)co_await static_cast<Pair*>(p)->channel_there.receive(1s);
    co_await static_cast<Pair*>(p)->channel_back.send(1, 1s);
  };
  EXPECT_EQ(of(Step(ping, &pair), Step(pong, &pair)), 0u);
}

}  // namespace
}  // namespace tornado::test
