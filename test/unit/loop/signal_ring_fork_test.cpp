// SPDX-License-Identifier: Apache-2.0
// A fork at the worst moment: another thread has claimed a cell and not filled it.
#include <functional>

#include "loop/signal_ring.h"
#include "support/child.h"

namespace tornado::test {
namespace {

std::function<void()> at_fill;

struct InterruptedMemory {
  template <class T>
  using Atomic = std::atomic<T>;

  template <class T>
  struct NonAtomic {
    NonAtomic& operator=(const T& fresh) {
      if (const auto interrupt = std::exchange(at_fill, nullptr)) interrupt();
      value = fresh;
      return *this;
    }
    operator T() const { return value; }  // NOLINT: as T
    T value;
  };
};

using Ring = BasicSignalRing<InterruptedMemory, 4>;

void add_to(void* bytes) {
  int* sum = nullptr;
  std::memcpy(&sum, bytes, sizeof sum);
  ++*sum;
}

int run(Ring& ring) {
  int popped = 0;
  for (Ring::Item item; ring.pop(item); ++popped) item.invoke(item.bytes);
  return popped;
}

TEST(SignalRing, goes_on_in_a_child_that_was_forked_amid_a_push) {
  Ring ring;
  int sum = 0;
  int* const to = &sum;
  ASSERT_TRUE(ring.push(&add_to, &to, sizeof to));
  at_fill = [&] {
    EXPECT_TRUE(passes_in_child([&] {
      EXPECT_TRUE(ring.push(&add_to, &to, sizeof to));
      EXPECT_EQ(run(ring), 1) << "the third is behind the second, which is not filled";
      EXPECT_FALSE(ring.after_fork()) << "one was lost";
      EXPECT_EQ(run(ring), 2) << "what was lost is passed, and does nothing";
      EXPECT_EQ(sum, 2);
      for (std::size_t i = 0; i < Ring::capacity; ++i) {
        EXPECT_TRUE(ring.push(&add_to, &to, sizeof to)) << "every cell is usable";
      }
      EXPECT_EQ(run(ring), static_cast<int>(Ring::capacity));
    }));
  };
  EXPECT_TRUE(ring.push(&add_to, &to, sizeof to));
  EXPECT_EQ(run(ring), 2) << "the parent lost nothing";
}

TEST(SignalRing, that_was_forked_between_pushes_loses_nothing) {
  Ring ring;
  int sum = 0;
  int* const to = &sum;
  ASSERT_TRUE(ring.push(&add_to, &to, sizeof to));
  EXPECT_TRUE(passes_in_child([&] {
    EXPECT_TRUE(ring.after_fork());
    EXPECT_EQ(run(ring), 1);
  }));
}

}  // namespace
}  // namespace tornado::test
