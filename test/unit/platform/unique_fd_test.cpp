// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>

#include "support/descriptors.h"
#include "tornado/fd.h"

namespace tornado::test {
namespace {

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) != -1;
}

UniqueFd any_fd() {
  return open_file("/dev/null", O_RDWR);
}

TEST(UniqueFd, closes_at_the_end_of_its_scope) {
  int number;
  {
    const UniqueFd fd = any_fd();
    number = fd.get();
    EXPECT_TRUE(fd);
  }
  EXPECT_FALSE(is_open(number));
}

TEST(UniqueFd, is_empty_by_default_and_then_closes_nothing) {
  const std::set<int> before = open_numbers();
  { const UniqueFd empty; }
  EXPECT_FALSE(UniqueFd());
  EXPECT_EQ(UniqueFd().get(), invalid_fd);
  EXPECT_FALSE(UniqueFd().close());
  EXPECT_EQ(open_numbers(), before);
}

TEST(UniqueFd, gives_up_its_number_when_moved_from) {
  UniqueFd from = any_fd();
  const int number = from.get();
  const UniqueFd to = std::move(from);
  EXPECT_FALSE(
      from);  // NOLINT(bugprone-use-after-move): what a move leaves is promised
  EXPECT_EQ(to.get(), number);
  EXPECT_TRUE(is_open(number));
}

TEST(UniqueFd, closes_what_it_had_when_another_is_moved_in) {
  UniqueFd a = any_fd();
  UniqueFd b = any_fd();
  const int first = a.get();
  const int second = b.get();
  a = std::move(b);
  EXPECT_FALSE(is_open(first));
  EXPECT_EQ(a.get(), second);
  EXPECT_TRUE(is_open(second));
}

TEST(UniqueFd, survives_a_move_to_itself) {
  UniqueFd fd = any_fd();
  UniqueFd& same = fd;
  fd = std::move(same);
  ASSERT_TRUE(fd);
  EXPECT_TRUE(is_open(fd.get()));
}

TEST(UniqueFd, closes_once_so_that_the_next_owner_of_the_number_is_safe) {
  UniqueFd fd = any_fd();
  const int number = fd.get();
  EXPECT_FALSE(fd.close());
  const UniqueFd next = any_fd();
  ASSERT_EQ(next.get(), number) << "the lowest free number comes back";
  EXPECT_FALSE(fd.close());
  fd.reset();
  fd = UniqueFd();
  EXPECT_TRUE(is_open(number));
}

TEST(UniqueFd, reset_takes_another_number) {
  UniqueFd fd = any_fd();
  const int first = fd.get();
  const int second = any_fd().release();
  fd.reset(second);
  EXPECT_FALSE(is_open(first));
  EXPECT_EQ(fd.get(), second);
  EXPECT_TRUE(is_open(second));
}

TEST(UniqueFd, release_leaves_the_closing_to_the_caller) {
  int number;
  {
    UniqueFd fd = any_fd();
    number = fd.release();
    EXPECT_FALSE(fd);
  }
  EXPECT_TRUE(is_open(number));
  EXPECT_FALSE(try_close(number));
}

TEST(UniqueFd, close_tells_what_went_wrong) {
  UniqueFd fd = any_fd();
  EXPECT_FALSE(try_close(fd.get()));
  EXPECT_EQ(fd.close(), std::errc::bad_file_descriptor);
  EXPECT_FALSE(fd);
}

TEST(TryClose, reports_a_number_that_is_not_open_and_keeps_errno) {
  errno = ENOTTY;
  EXPECT_EQ(try_close(-1), std::errc::bad_file_descriptor);
  EXPECT_EQ(errno, ENOTTY);
  const int number = any_fd().release();
  errno = ENOTTY;
  EXPECT_FALSE(try_close(number));
  EXPECT_EQ(errno, ENOTTY);
  EXPECT_EQ(try_close(number), std::errc::bad_file_descriptor);
}

}  // namespace
}  // namespace tornado::test
