// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "support/child.h"
#include "support/deny.h"
#include "support/descriptors.h"
#include "support/reporter.h"
#include "support/wait.h"
#include "tornado/fd.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

constexpr int never_open = 999;

template <class F>
std::string message_of(F act) {
  try {
    act();
  } catch (const std::system_error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

TEST(CloseExec, can_be_set_cleared_and_asked_for) {
  const UniqueFd fd = open_file("/dev/null", O_RDWR);
  EXPECT_TRUE(is_close_exec(fd.get()));
  set_close_exec(fd.get(), false);
  EXPECT_FALSE(is_close_exec(fd.get()));
  set_close_exec(fd.get());
  EXPECT_TRUE(is_close_exec(fd.get()));
  set_close_exec(fd.get());
  EXPECT_TRUE(is_close_exec(fd.get())) << "setting it twice changes nothing";
}

TEST(CloseExec, belongs_to_the_number_and_not_to_the_description) {
  const UniqueFd fd = open_file("/dev/null", O_RDWR);
  const UniqueFd other = duplicate(fd.get());
  set_close_exec(fd.get(), false);
  EXPECT_TRUE(is_close_exec(other.get()));
}

TEST(CloseExec, closes_a_marked_descriptor_at_exec) {
  TORNADO_SKIP_UNLESS_REPORTER_RUNS();
  const FdPair pipe = make_pipe();
  const int marked = pipe.second.get();
  set_close_exec(marked, false);
  set_close_exec(marked);
  const UniqueFd unmarked = open_file("/dev/null", O_RDWR);
  set_close_exec(unmarked.get(), false);
  const Report report = execute_reporter({}, Write{marked, "x"});
  EXPECT_EQ(find(report.descriptors, marked), nullptr);
  EXPECT_NE(find(report.descriptors, unmarked.get()), nullptr);
  EXPECT_EQ(report.write_errno, EBADF) << "no data can be read or written there again";
  EXPECT_FALSE(is_readable(pipe.first.get()));
}

TEST(CloseExec, cleared_again_lets_exec_keep_it) {
  TORNADO_SKIP_UNLESS_REPORTER_RUNS();
  const UniqueFd fd = open_file("/dev/null", O_RDWR);
  set_close_exec(fd.get());
  set_close_exec(fd.get(), false);
  EXPECT_NE(find(execute_reporter().descriptors, fd.get()), nullptr);
}

TEST(CloseExec, keeps_the_other_flags) {
  const UniqueFd fd = open_file("/dev/null", O_RDWR);
  set_close_exec(fd.get(), false);
  ::fcntl(fd.get(), F_SETFL, O_APPEND | O_NONBLOCK);
  const int status = ::fcntl(fd.get(), F_GETFL);
  set_close_exec(fd.get());
  EXPECT_EQ(::fcntl(fd.get(), F_GETFL), status);
  EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  set_nonblocking(fd.get(), false);
  EXPECT_EQ(::fcntl(fd.get(), F_GETFL), status & ~O_NONBLOCK);
  EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
}

TEST(CloseExec, names_the_act_the_number_and_the_reason_when_it_throws) {
  EXPECT_EQ(message_of([] { set_close_exec(never_open); }),
            "set_close_exec fd 999: Bad file descriptor");
  EXPECT_EQ(message_of([] { (void)is_close_exec(never_open); }),
            "is_close_exec fd 999: Bad file descriptor");
  EXPECT_EQ(message_of([] { set_close_exec(-1); }),
            "set_close_exec fd -1: Bad file descriptor");
}

TEST(CloseExec, reports_by_error_code_and_clears_it_on_success) {
  std::error_code ec;
  set_close_exec(never_open, ec);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  EXPECT_EQ(ec.category(), std::system_category());
  EXPECT_FALSE(is_close_exec(never_open, ec));
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);

  const UniqueFd fd = open_file("/dev/null", O_RDWR);
  set_close_exec(fd.get(), false, ec);
  EXPECT_FALSE(ec);
  EXPECT_FALSE(is_close_exec(fd.get(), ec));
  EXPECT_FALSE(ec);
}

TEST(Nonblocking, can_be_set_cleared_and_asked_for) {
  const FdPair pipe = make_pipe();
  const int fd = pipe.first.get();
  EXPECT_TRUE(is_nonblocking(fd));
  set_nonblocking(fd, false);
  EXPECT_FALSE(is_nonblocking(fd));
  set_nonblocking(fd);
  EXPECT_TRUE(is_nonblocking(fd));
}

TEST(Nonblocking, belongs_to_the_description_that_duplicates_share) {
  const FdPair pipe = make_pipe();
  const UniqueFd other = duplicate(pipe.first.get());
  set_nonblocking(other.get(), false);
  EXPECT_FALSE(is_nonblocking(pipe.first.get()));
}

TEST(Nonblocking, names_the_act_the_number_and_the_reason_when_it_throws) {
  EXPECT_EQ(message_of([] { set_nonblocking(never_open); }),
            "set_nonblocking fd 999: Bad file descriptor");
  EXPECT_EQ(message_of([] { (void)is_nonblocking(never_open); }),
            "is_nonblocking fd 999: Bad file descriptor");
}

TEST(Nonblocking, reports_by_error_code_and_clears_it_on_success) {
  std::error_code ec;
  set_nonblocking(never_open, ec);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  const FdPair pipe = make_pipe();
  set_nonblocking(pipe.first.get(), false, ec);
  EXPECT_FALSE(ec);
  EXPECT_FALSE(is_nonblocking(pipe.first.get(), ec));
  EXPECT_FALSE(ec);
}

TEST(Nonblocking, reports_that_a_path_descriptor_cannot_have_it) {
  const UniqueFd path(::open("/", O_PATH | O_CLOEXEC));
  std::error_code ec;
  set_nonblocking(path.get(), ec);
  EXPECT_TRUE(ec);
  EXPECT_FALSE(is_nonblocking(path.get()));
}

TEST(Flags, check_the_second_fcntl_too) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  const UniqueFd fd(::open("/dev/null", O_RDWR));
  EXPECT_TRUE(passes_in_child([&] {
    ASSERT_TRUE(deny({{SYS_fcntl, EIO, Denied::Argument{1, F_SETFD}},
                      {SYS_fcntl, EPERM, Denied::Argument{1, F_SETFL}}}));
    std::error_code ec;
    set_close_exec(fd.get(), ec);
    EXPECT_EQ(ec, std::errc::io_error);
    set_nonblocking(fd.get(), ec);
    EXPECT_EQ(ec, std::errc::operation_not_permitted);
  }));
}

TEST(NonblockingScope, restores_a_blocking_descriptor) {
  const FdPair pipe = make_pipe();
  set_nonblocking(pipe.first.get(), false);
  {
    const NonblockingScope scope(pipe.first.get());
    EXPECT_FALSE(scope.was_nonblocking());
    EXPECT_TRUE(is_nonblocking(pipe.first.get()));
  }
  EXPECT_FALSE(is_nonblocking(pipe.first.get()));
}

TEST(NonblockingScope, keeps_a_nonblocking_descriptor_nonblocking) {
  const FdPair pipe = make_pipe();
  {
    const NonblockingScope scope(pipe.first.get());
    EXPECT_TRUE(scope.was_nonblocking());
  }
  EXPECT_TRUE(is_nonblocking(pipe.first.get()));
}

TEST(NonblockingScope, throws_for_a_number_that_is_not_open) {
  EXPECT_THROW(NonblockingScope scope(never_open), std::system_error);
}

TEST(SameDescription, tells_duplicates_from_other_descriptors) {
  if (!can_tell_duplicates()) GTEST_SKIP() << "the kernel cannot tell";
  const UniqueFd a = open_file("/dev/null", O_RDWR);
  const UniqueFd b = open_file("/dev/null", O_RDWR);
  const UniqueFd copy = duplicate(a.get());
  EXPECT_TRUE(same_description(a.get(), copy.get()));
  EXPECT_TRUE(same_description(a.get(), a.get()));
  EXPECT_FALSE(same_description(a.get(), b.get())) << "one file, opened twice";
}

TEST(SameDescription, refuses_numbers_that_are_not_open_in_either_place) {
  const UniqueFd a = open_file("/dev/null", O_RDWR);
  std::error_code ec;
  EXPECT_FALSE(same_description(a.get(), never_open, ec));
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  EXPECT_FALSE(same_description(never_open, a.get(), ec));
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  EXPECT_EQ(message_of([&] { (void)same_description(never_open, a.get()); }),
            "same_description fd 999 fd " + std::to_string(a.get()) +
                ": Bad file descriptor");
}

TEST(SameDescription, works_without_F_DUPFD_QUERY_and_fails_without_kcmp) {
  if (!can_deny() || !has_call(SYS_kcmp)) {
    GTEST_SKIP() << "system calls cannot be denied here, or no kcmp";
  }
  const UniqueFd a = open_file("/dev/null", O_RDWR);
  const UniqueFd b = open_file("/dev/null", O_RDWR);
  const UniqueFd copy = duplicate(a.get());
  constexpr Denied::Argument dupfd_query{1, 1027};
  EXPECT_TRUE(passes_in_child([&] {
    ASSERT_TRUE(deny({{SYS_fcntl, EINVAL, dupfd_query}}));
    EXPECT_TRUE(same_description(a.get(), copy.get()));
    EXPECT_FALSE(same_description(a.get(), b.get()));
  }));
  EXPECT_TRUE(passes_in_child([&] {
    ASSERT_TRUE(deny({{SYS_fcntl, EINVAL, dupfd_query}, {SYS_kcmp, EPERM}}));
    std::error_code ec;
    EXPECT_FALSE(same_description(a.get(), copy.get(), ec));
    EXPECT_EQ(ec, std::errc::not_supported);
  }));
}

TEST(Nonblocking, that_does_not_stick_is_an_error) {
  if (!can_deny()) GTEST_SKIP() << "system calls cannot be denied here";
  EXPECT_TRUE(passes_in_child([] {
    const UniqueFd fd = open_file("/dev/null", O_RDWR);
    set_nonblocking(fd.get(), false);
    ASSERT_TRUE(
        deny({{SYS_fcntl, 0, Denied::Argument{1, F_SETFL}}}));  // and does nothing
    std::error_code ec;
    set_nonblocking(fd.get(), true, ec);
    EXPECT_EQ(ec, std::errc::not_supported);
  }));
}

}  // namespace
}  // namespace tornado::test
