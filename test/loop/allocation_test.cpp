// SPDX-License-Identifier: Apache-2.0
// What a loop allocates once it has run for a while: nothing, for callables of up to 48
// bytes. The program's operator new is replaced, so that these tests stand alone.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <new>
#include <thread>

#include "loop/callback_queue.h"
#include "loop/handler_table.h"
#include "tornado/tornado.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* const block = std::malloc(size)) return block;
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}

namespace tornado::test {
namespace {

constexpr int batch = 100;
constexpr int rounds = 1000;
constexpr int rounds_to_settle = 100;

/// As large as a callable may be, with what it counts.
template <std::size_t Size>
struct Counting {
  std::atomic<int>* ran;
  std::array<std::byte, Size - sizeof(void*)> rest{};
  void operator()() const {
    ran->fetch_add(1);
    ran->notify_one();
  }
};
using Large = Counting<Callback::inline_size>;
static_assert(sizeof(Large) == 48);

class Allocations : public testing::Test {
 protected:
  /// Of batches of `add()` from another thread, each of which runs before the next,
  /// once the first of them have run.
  template <class Add>
  std::uint64_t of_another_thread(Add add) {
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    std::thread other([&] {
      auto adder = add();
      for (int round = 1; round <= rounds; ++round) {
        if (round == rounds_to_settle) before = allocations;
        // The first batches wait for each other's last, so that none later is longer.
        std::atomic<bool> whole{round >= rounds_to_settle};
        if (!whole) loop.add_callback([&whole] { whole.wait(false); });
        for (int i = 0; i < batch; ++i) adder();
        whole = true;
        whole.notify_one();
        for (int now = ran; now != round * batch; now = ran) ran.wait(now);
      }
      after = allocations;
      loop.stop();
    });
    loop.start();
    other.join();
    return after - before;
  }

  IOLoop loop;
  std::atomic<int> ran = 0;
};

TEST_F(Allocations, of_callbacks_from_another_thread_are_none) {
  EXPECT_EQ(
      of_another_thread([this] { return [this] { loop.add_callback(Large{&ran}); }; }),
      0u);
}

// Those of others are joined to the loop's own; the memory of theirs must come back to
// where others take it from.
TEST_F(Allocations, of_callbacks_of_others_beside_the_loops_own_are_none) {
  CallbackQueue queue;
  CallbackList taken;
  std::uint64_t before = 0;
  for (int round = 0; round < rounds; ++round) {
    if (round == rounds_to_settle) before = allocations;
    queue.push_own(Large{&ran}, {});
    for (int i = 0; i < batch; ++i) queue.push(Large{&ran}, {});
    queue.take(taken);
    while (!taken.empty()) taken.pop_front();
  }
  EXPECT_EQ(allocations - before, 0u);
}

TEST_F(Allocations, of_callbacks_by_a_lane_are_none) {
  EXPECT_EQ(of_another_thread([this] {
              return [this, lane = loop.handle().open_lane()]() mutable {
                lane.add_callback(Large{&ran});
              };
            }),
            0u);
}

TEST_F(Allocations, of_callbacks_and_timeouts_from_the_loop_are_none) {
  std::uint64_t before = 0;
  int round = 0;
  const std::function<void()> again = [&] {
    if (++round == rounds_to_settle) before = allocations;
    if (round == rounds) return loop.stop();
    for (int i = 0; i < batch; ++i) {
      loop.add_callback(Large{&ran});
      loop.call_later(std::chrono::nanoseconds(i), Counting<32>{&ran});
    }
    loop.add_callback([&again] { again(); });
  };
  loop.add_callback([&again] { again(); });
  loop.start();
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_GT(ran, batch * rounds);
}

// However many handlers change before the next look.
TEST_F(Allocations, of_changes_of_handlers_are_none) {
  HandlerTable table;
  for (int fd = 0; fd < 1000; ++fd) {
    table.add(fd, [](NativeFd, Events) {}, Events::read, {});
    const std::uint64_t before = allocations;
    table.for_each([&table](HandlerTable::Entry& entry) { table.note_change(entry); });
    EXPECT_EQ(allocations - before, 0u) << fd;
    while (table.has_changes()) (void)table.take_change();
  }
}

}  // namespace
}  // namespace tornado::test
