// SPDX-License-Identifier: Apache-2.0
// A waker belongs to the process that made it, until a child rebuilds its copy.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#include "platform/every_waker.h"
#include "platform/loop_waker.h"
#include "support/child.h"
#include "support/descriptors.h"
#include "support/scale.h"

namespace tornado::test {
namespace {

class EveryWakerForked : public WakerSuite {
 protected:
  LoopWaker waker_{kind()};
};

TEST_P(EveryWakerForked, does_not_wake_the_parent_from_the_child) {
  for (int round = 0; round < 100; ++round) {
    ASSERT_TRUE(passes_in_child([this] {
      waker_.wake();
      waker_.disarm();
      EXPECT_TRUE(waker_.arm());
      waker_.wake();
      EXPECT_EQ(waker_.counters().written, 0u);
    }));
    ASSERT_FALSE(is_readable(waker_.fileno())) << "round " << round;
  }
  expect_to_work(waker_);
}

TEST_P(EveryWakerForked, does_not_consume_in_the_child_what_is_the_parents) {
  waker_.wake();
  EXPECT_TRUE(passes_in_child([this] {
    EXPECT_FALSE(waker_.consume());
    EXPECT_FALSE(waker_.drain_and_disarm());
  }));
  EXPECT_TRUE(is_readable(waker_.fileno()));
  EXPECT_TRUE(waker_.consume());
}

TEST_P(EveryWakerForked, closed_in_the_child_works_on_in_the_parent) {
  EXPECT_TRUE(passes_in_child([this] {
    const int reader = waker_.fileno();
    waker_.close();
    EXPECT_FALSE(open_numbers().contains(reader));
  }));
  expect_to_work(waker_);
}

TEST_P(EveryWakerForked, rebuilt_in_the_child_is_the_childs_own) {
  const int reader = waker_.fileno();
  EXPECT_TRUE(passes_in_child([this, reader] {
    const std::set<int> before = open_numbers();
    waker_.rebuild();
    if (before.contains(reader)) {
      EXPECT_EQ(open_numbers(), before);
      EXPECT_EQ(waker_.fileno(), reader);
    }
    EXPECT_EQ(waker_.counters().rebuilt, 1u);
    expect_to_work(waker_);
    Thread other([this] { waker_.wake(); });
    EXPECT_TRUE(becomes_readable(waker_.fileno()));
  }));
  EXPECT_FALSE(is_readable(waker_.fileno()));
  EXPECT_EQ(waker_.counters().rebuilt, 0u);
  expect_to_work(waker_);
}

// A kqueue is not inherited, so that its number is soon another's.
TEST_P(EveryWakerForked, leaves_what_the_child_has_opened_alone) {
  EXPECT_TRUE(passes_in_child([this] {
    std::vector<UniqueFd> own;
    do {
      own.push_back(open_file("/dev/null", O_RDONLY));
    } while (own.back().get() < waker_.fileno());
    waker_.wake();
    waker_.rebuild();
    expect_to_work(waker_);
    waker_.close();
    for (const UniqueFd& fd : own) {
      char byte;
      EXPECT_EQ(::read(fd.get(), &byte, 1), 0) << "null it was, and null it is";
    }
  }));
  EXPECT_TRUE(passes_in_child([this] {
    const UniqueFd own = open_file("/dev/null", O_RDONLY);
    waker_.close();
    EXPECT_TRUE(open_numbers().contains(own.get()));
  }));
  expect_to_work(waker_);
}

TEST_P(EveryWakerForked, forgets_at_rebuild_a_wake_that_was_pending_in_the_parent) {
  waker_.wake();
  EXPECT_TRUE(passes_in_child([this] {
    waker_.rebuild();
    EXPECT_FALSE(waker_.arm()) << "something may have been published before the fork";
    waker_.disarm();
    EXPECT_TRUE(waker_.arm());
    waker_.wake();
    EXPECT_TRUE(is_readable(waker_.fileno()));
    expect_to_work(waker_);
  }));
  EXPECT_TRUE(is_readable(waker_.fileno()));
}

TEST_P(EveryWakerForked, survives_a_fork_amid_the_wakes_of_other_threads) {
  std::atomic<bool> done{false};
  Thread other([this, &done] {
    while (!done) waker_.wake();
  });
  for (std::uint64_t round = 0; round < scaled(50); ++round) {
    (void)waker_.consume();
    EXPECT_TRUE(passes_in_child([this, round] {
      if (round % 2) {
        waker_.rebuild();
        expect_to_work(waker_);
      }
      const int reader = waker_.fileno();
      waker_.close();
      EXPECT_FALSE(open_numbers().contains(reader));
    }));
  }
  done = true;
}

INSTANTIATE_TEST_SUITE_P(, EveryWakerForked, testing::ValuesIn(waker_kinds()),
                         name_of_waker);

}  // namespace
}  // namespace tornado::test
