// SPDX-License-Identifier: Apache-2.0
// Every maker of descriptors gives them close-on-exec, non-blocking and above 2, from
// the first instant on.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "platform/fd_makers.h"
#include "support/child.h"
#include "support/deny.h"
#include "support/descriptors.h"
#include "support/loopback.h"
#include "support/reporter.h"
#include "support/scale.h"
#include "support/wait.h"
#include "tornado/fd.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

class EveryMaker : public testing::TestWithParam<Maker> {};

/// Numbers that are open and were not before.
std::set<int> fresh_numbers(const std::set<int>& before) {
  std::set<int> fresh;
  for (int fd : open_numbers()) {
    if (!before.contains(fd)) fresh.insert(fd);
  }
  return fresh;
}

void expect_born_safe(const std::set<int>& fresh, bool nonblocking) {
  EXPECT_FALSE(fresh.empty());
  for (int fd : fresh) {
    SCOPED_TRACE("fd " + std::to_string(fd));
    EXPECT_GE(fd, 3);
    EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
    if (nonblocking) {
      EXPECT_TRUE(::fcntl(fd, F_GETFL) & O_NONBLOCK);
    }
  }
}

TEST_P(EveryMaker, gives_close_on_exec_and_non_blocking_descriptors) {
  const std::set<int> before = open_numbers();
  const auto made = GetParam().make();
  expect_born_safe(fresh_numbers(before), GetParam().nonblocking);
}

TEST_P(EveryMaker, gives_them_back) {
  const std::set<int> before = open_numbers();
  for (int i = 0; i < 10; ++i) (void)GetParam().make();
  EXPECT_EQ(open_numbers(), before);
}

TEST_P(EveryMaker, stays_above_2_in_a_program_started_with_closed_streams) {
  for (int closed = 0; closed < 8; ++closed) {
    SCOPED_TRACE("closed: " + std::to_string(closed));
    EXPECT_TRUE(passes_in_child([&] {
      for (int fd = 0; fd < 3; ++fd) {
        if (closed & (1 << fd)) ::close(fd);
      }
      const std::set<int> before = open_numbers();
      {
        const auto made = GetParam().make();
        expect_born_safe(fresh_numbers(before), GetParam().nonblocking);
      }
      EXPECT_EQ(open_numbers(), before);
    }));
  }
}

TEST_P(EveryMaker, needs_no_second_call_for_the_flags) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny({{SYS_fcntl, EPERM, Denied::Argument{1, F_SETFD}},
                      {SYS_fcntl, EPERM, Denied::Argument{1, F_SETFL}},
                      {SYS_ioctl, EPERM}}));
    const std::set<int> before = open_numbers();
    const auto made = GetParam().make();
    expect_born_safe(fresh_numbers(before), GetParam().nonblocking);
  }));
}

TEST_P(EveryMaker, leaks_nothing_into_a_program_executed_on_another_thread) {
  TORNADO_SKIP_UNLESS_REPORTER_RUNS();
  const std::set<int> before = open_numbers();
  std::atomic<bool> done{false};
  Thread maker([&done] {
    while (!done) (void)GetParam().make();
  });
  for (std::uint64_t round = 0; round < scaled(20); ++round) {
    for (const Descriptor& d : execute_reporter().descriptors) {
      EXPECT_TRUE(before.contains(d.fd)) << "leaked: " << d;
    }
  }
  done = true;
}

INSTANTIATE_TEST_SUITE_P(, EveryMaker, testing::ValuesIn(makers()), name_of_maker);

TEST(MakePipe, reads_from_the_first_what_was_written_into_the_second) {
  const FdPair pipe = make_pipe();
  EXPECT_EQ(::write(pipe.second.get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(pipe.first.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

TEST(MakeSocketPair, carries_bytes_both_ways) {
  const FdPair pair = make_socket_pair();
  char byte = 0;
  EXPECT_EQ(::write(pair.first.get(), "a", 1), 1);
  EXPECT_EQ(::read(pair.second.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'a');
  EXPECT_EQ(::write(pair.second.get(), "b", 1), 1);
  EXPECT_EQ(::read(pair.first.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'b');
}

TEST(AcceptSocket, is_empty_without_a_connection) {
  const UniqueFd listener = listen_on_loopback();
  EXPECT_FALSE(accept_socket(listener.get()));
}

TEST(AcceptSocket, names_the_listener_when_it_cannot) {
  const UniqueFd socket = make_socket(AF_INET, SOCK_STREAM);
  try {
    (void)accept_socket(socket.get());
    ADD_FAILURE() << "no listener, and yet nothing was thrown";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::errc::invalid_argument);
    EXPECT_EQ(std::string(e.what()),
              "accept fd " + std::to_string(socket.get()) + ": Invalid argument");
  }
}

TEST(OpenFile, names_the_path_when_it_cannot) {
  try {
    (void)open_file("/no/such/file", O_RDONLY);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& e) {
    EXPECT_STREQ(e.what(), "open /no/such/file: No such file or directory");
  }
}

TEST(Duplicate, shares_offset_and_status_flags_and_leaves_them_alone) {
  const UniqueFd file(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  const UniqueFd copy = duplicate(file.get());
  EXPECT_FALSE(is_nonblocking(copy.get()));
  if (can_tell_duplicates()) {
    EXPECT_TRUE(same_description(file.get(), copy.get()));
  }
  EXPECT_EQ(::lseek(copy.get(), 5, SEEK_SET), 5);
  EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 5);
}

TEST(Duplicate, refuses_a_number_that_is_not_open) {
  EXPECT_THROW((void)duplicate(999), std::system_error);
}

}  // namespace
}  // namespace tornado::test
