// SPDX-License-Identifier: Apache-2.0
#include "process/low_slots.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "platform/fd.h"
#include "support/child.h"
#include "support/open_numbers.h"
#include "support/wait.h"
#include "tornado/fd.h"
#include "tornado/spawn.h"

namespace tornado::test {
namespace {

/// A pipe whose writing end has this number or the next free one.
FdPair pipe_to(int number) {
  FdPair pipe = make_pipe();
  pipe.second = UniqueFd(::fcntl(pipe.second.get(), F_DUPFD_CLOEXEC, number));
  return pipe;
}

/// Checks that bytes written there come out of the pipe.
void expect_leads_into(const FdPair& pipe, int number) {
  EXPECT_EQ(::write(number, "x", 1), 1);
  EXPECT_EQ(drain(pipe.first.get()), 1u);
}

TEST(LowCopy, is_none_of_a_number_below_64) {
  EXPECT_TRUE(passes_in_child([] {
    const FdPair pipe = pipe_to(63);
    ASSERT_EQ(pipe.second.get(), 63);
    const LowCopy copy(63);
    EXPECT_EQ(copy.get(), 63);
  }));
}

// The reserved numbers are open already: a copy there opens no number.
TEST(LowCopy, of_64_and_above_has_a_number_that_is_kept_for_it) {
  EXPECT_TRUE(passes_in_child([] {
    reserve_descriptors_for_spawn();
    const FdPair pipe = pipe_to(64);
    ASSERT_EQ(pipe.second.get(), 64);
    const std::set<int> before = open_numbers();
    for (int i = 0; i < 10; ++i) {
      const LowCopy copy(64);
      EXPECT_LT(copy.get(), 64);
      EXPECT_GT(copy.get(), STDERR_FILENO);
      expect_leads_into(pipe, copy.get());
      EXPECT_EQ(open_numbers(), before);
    }
    EXPECT_EQ(open_numbers(), before);
  }));
}

TEST(LowCopy, lends_three_numbers_at_a_time_and_copies_more_while_it_lives) {
  EXPECT_TRUE(passes_in_child([] {
    reserve_descriptors_for_spawn();
    const FdPair pipe = pipe_to(100);
    const std::set<int> before = open_numbers();
    for (int round = 0; round < 3; ++round) {
      std::vector<LowCopy> copies;
      std::set<int> lent;
      for (int i = 0; i < 3; ++i) {
        copies.emplace_back(pipe.second.get());
        lent.insert(copies.back().get());
      }
      EXPECT_EQ(lent.size(), 3u);
      EXPECT_EQ(open_numbers(), before);
      copies.emplace_back(pipe.second.get());
      EXPECT_LT(copies.back().get(), pipe.second.get());
      EXPECT_GT(copies.back().get(), STDERR_FILENO);
      EXPECT_EQ(open_numbers().size(), before.size() + 1);
      for (const LowCopy& copy : copies) expect_leads_into(pipe, copy.get());
      copies.clear();
      EXPECT_EQ(open_numbers(), before);
    }
  }));
}

// Somebody waits for the end of file.
TEST(LowCopy, leaves_nothing_of_a_pipe_in_the_numbers_that_were_lent) {
  EXPECT_TRUE(passes_in_child([] {
    FdPair pipe = pipe_to(100);
    {
      std::vector<LowCopy> copies;
      for (int i = 0; i < 4; ++i) copies.emplace_back(pipe.second.get());
    }
    pipe.second.reset();
    EXPECT_EQ(read_to_end(pipe.first.get()), "");
  }));
}

TEST(LowCopy, keeps_out_of_the_numbers_of_the_streams) {
  EXPECT_TRUE(passes_in_child([] {
    reserve_descriptors_for_spawn();
    const FdPair pipe = pipe_to(100);
    std::vector<LowCopy> copies;
    ::close(STDIN_FILENO);
    ::close(STDOUT_FILENO);
    for (int i = 0; i < 4; ++i) copies.emplace_back(pipe.second.get());
    for (const LowCopy& copy : copies) EXPECT_GT(copy.get(), STDERR_FILENO);
  }));
}

/// Takes the numbers from 3 to below 100 away from all that has them, as a program does
/// that has forked and calls closefrom(3), and opens a pipe under each.
std::vector<std::uint64_t> close_and_reuse_low_numbers() {
  std::vector<std::uint64_t> files;
  for (int number = 3; number < 100; ++number) ::close(number);
  for (int number = 3; number < 100; ++number) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    EXPECT_EQ(ends[0], number);
    ::close(ends[1]);
    files.push_back(file_id(number));
  }
  return files;
}

std::vector<std::uint64_t> files_under_low_numbers() {
  std::vector<std::uint64_t> files;
  for (int number = 3; number < 100; ++number) files.push_back(file_id(number));
  return files;
}

TEST(LowCopy, overwrites_no_file_that_took_a_number_kept_before) {
  EXPECT_TRUE(passes_in_child([] {
    reserve_descriptors_for_spawn();
    const auto files = close_and_reuse_low_numbers();
    const UniqueFd high(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 200));
    for (int i = 0; i < 2; ++i) {
      {
        std::vector<LowCopy> copies;
        for (int n = 0; n < 4; ++n) copies.emplace_back(high.get());
        EXPECT_EQ(files_under_low_numbers(), files);
      }
      EXPECT_EQ(files_under_low_numbers(), files);
      reserve_descriptors_for_spawn();
      EXPECT_EQ(files_under_low_numbers(), files);
    }
    for (int n = 0; n < 3; ++n) {
      Child child = spawn({.shell = "cat >&2",
                           .in = Stdio::pipe(),
                           .out = Stdio::pipe(),
                           .descriptors = {{5, high.get()}}});
      child.in.reset();
      EXPECT_EQ(wait_child(child), 0);
      EXPECT_EQ(files_under_low_numbers(), files);
    }
  }));
}

TEST(LowCopy, overwrites_no_file_that_took_a_number_lent_at_that_time) {
  EXPECT_TRUE(passes_in_child([] {
    reserve_descriptors_for_spawn();
    const UniqueFd high(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 200));
    std::vector<std::uint64_t> files;
    {
      const LowCopy copy(high.get());
      ASSERT_LT(copy.get(), 64);
      files = close_and_reuse_low_numbers();
    }
    EXPECT_EQ(files_under_low_numbers(), files);
  }));
}

TEST(LowCopy, has_numbers_kept_for_it_again_after_they_were_closed) {
  EXPECT_TRUE(passes_in_child([] {
    reserve_descriptors_for_spawn();
    for (int number = 3; number < 100; ++number) ::close(number);
    const UniqueFd high(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 200));
    reserve_descriptors_for_spawn();
    const std::set<int> before = open_numbers();
    std::vector<LowCopy> copies;
    for (int i = 0; i < 3; ++i) copies.emplace_back(high.get());
    EXPECT_EQ(open_numbers(), before);
  }));
}

TEST(LowCopy, is_none_where_all_lower_numbers_are_in_use) {
  EXPECT_TRUE(passes_in_child([] {
    reserve_descriptors_for_spawn();
    FdPair pipe = make_pipe();
    std::vector<UniqueFd> filling;
    while (filling.empty() || filling.back().get() < 100) {
      filling.push_back(duplicate(pipe.second.get()));
    }
    const int highest = filling.back().get();
    const std::set<int> before = open_numbers();
    std::vector<LowCopy> copies;
    for (int i = 0; i < 4; ++i) copies.emplace_back(highest);
    EXPECT_EQ(copies.back().get(), highest);
    EXPECT_EQ(open_numbers(), before);
  }));
}

}  // namespace
}  // namespace tornado::test
