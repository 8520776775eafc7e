// SPDX-License-Identifier: Apache-2.0
// What a loop allocates once it has run for a while: nothing, for callables of up to 48
// bytes.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>

#include "loop/callback_queue.h"
#include "loop/handler_table.h"
#include "loop/timer_queue.h"
#include "platform/std_atomics.h"
#include "support/counted_new.h"
#include "tornado/tornado.h"

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
TEST_F(Allocations, are_none_for_callbacks_of_other_threads_beside_the_loops_own) {
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

std::uint64_t blocks_in_use() {
  return allocations - deallocations;
}

/// `push()` and `pop()` of a chain of chunks: after a large backlog, and when
/// as much of it as is kept is used again.
template <class Push, class Pop>
void expect_some_chunks_to_be_kept(Push push, Pop pop) {
  constexpr std::uint64_t most_kept = 300;
  constexpr int many = 100'000;
  const std::uint64_t before = blocks_in_use();
  for (int i = 0; i < many; ++i) push();
  EXPECT_GT(blocks_in_use(), before + most_kept);
  for (int i = 0; i < many; ++i) pop();
  EXPECT_LE(blocks_in_use(), before + most_kept);
  std::uint64_t settled = 0;
  for (int round = 0; round < rounds; ++round) {
    if (round == rounds_to_settle) settled = allocations;
    for (int i = 0; i < batch; ++i) push();
    for (int i = 0; i < batch; ++i) pop();
  }
  EXPECT_EQ(allocations, settled);
}

TEST(AllocationsOfParts, of_a_list_are_kept_up_to_a_limit_and_given_back) {
  const std::uint64_t before = blocks_in_use();
  {
    CallbackList list;
    std::atomic<int> ran = 0;
    expect_some_chunks_to_be_kept([&] { list.push_back(Large{&ran}, {}); },
                                  [&] { list.pop_front(); });
    for (int i = 0; i < batch; ++i) list.push_back(Large{&ran}, {});
  }
  EXPECT_EQ(blocks_in_use(), before);
}

TEST(AllocationsOfParts, of_a_queue_are_kept_up_to_a_limit_and_given_back) {
  const std::uint64_t before = blocks_in_use();
  {
    CallbackQueue queue;
    CallbackList list;
    std::atomic<int> ran = 0;
    expect_some_chunks_to_be_kept([&] { queue.push(Large{&ran}, {}); },
                                  [&] {
                                    if (list.empty()) queue.take(list);
                                    list.pop_front();
                                  });
  }
  EXPECT_EQ(blocks_in_use(), before);
}

TEST(AllocationsOfParts, of_timeouts_are_none_when_they_come_due) {
  TimerQueue queue;
  std::vector<TimerQueue::Id> due;
  due.reserve(10'000);
  for (int i = 0; i < 10'000; ++i) {
    queue.add(TimePoint(std::chrono::microseconds(i)), [] {}, {});
  }
  const std::uint64_t before = allocations;
  queue.collect_due(TimePoint(std::chrono::seconds(1)), due);
  EXPECT_EQ(due.size(), 10'000u);
  EXPECT_EQ(allocations, before);
}

TEST(AllocationsOfParts, of_timeouts_are_none_when_one_is_taken_back_again_and_again) {
  for (const int ms : {0, 60'000}) {
    TimerQueue queue;
    std::uint64_t before = 0;
    for (int i = 0; i < 100'000; ++i) {
      if (i == 10'000) before = allocations;
      (void)queue.take(queue.add(TimePoint(std::chrono::milliseconds(ms)), [] {}, {}));
    }
    EXPECT_EQ(allocations, before) << ms;
  }
}

TEST(AllocationsOfParts, of_timeouts_are_none_when_one_is_moved_again_and_again) {
  TimerQueue queue;
  auto id = queue.add(TimePoint(), [] {}, {});
  // A node is free from here on.
  (void)queue.take(queue.add(TimePoint(), [] {}, {}));
  const std::uint64_t before = allocations;
  for (int i = 0; i < 100'000; ++i) id = queue.move(id, TimePoint());
  EXPECT_EQ(allocations, before);
}

}  // namespace
}  // namespace tornado::test
