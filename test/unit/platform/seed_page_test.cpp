// SPDX-License-Identifier: Apache-2.0
// Each sentence of the page on Tornado's platform.posix that this library grew from.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "support/child.h"
#include "support/descriptors.h"
#include "support/reporter.h"
#include "support/wait.h"
#include "tornado/fd.h"
#include "tornado/platform.h"
#include "tornado/waker.h"

namespace tornado::test {
namespace {

/// A file without a name, opened as programs do that never heard of close-on-exec.
UniqueFd plain_file(const std::string& text = "") {
  std::string path = testing::TempDir() + "tornado_XXXXXX";
  UniqueFd file(::mkstemp(path.data()));
  ::unlink(path.c_str());
  if (::write(file.get(), text.data(), text.size()) != ssize_t(text.size())) abort();
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

FdPair plain_pipe() {
  int ends[2];
  if (::pipe(ends) == -1) abort();
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

long long offset(const UniqueFd& file) {
  return ::lseek(file.get(), 0, SEEK_CUR);
}

TEST(Fork, gives_the_child_a_copy_of_the_descriptors) {
  const UniqueFd file = plain_file("text");
  const FdPair pipe = plain_pipe();
  const auto mine = open_descriptors();
  EXPECT_TRUE(passes_in_child([&] {
    const auto inherited = open_descriptors();
    for (int fd : {file.get(), pipe.first.get(), pipe.second.get()}) {
      ASSERT_NE(find(inherited, fd), nullptr) << fd;
      EXPECT_EQ(*find(inherited, fd), *find(mine, fd));
    }
  }));
}

TEST(Fork, leaves_parent_and_child_with_one_file_table_entry_for_one_number) {
  const UniqueFd file = plain_file();
  EXPECT_TRUE(passes_in_child(
      [&] { ::fcntl(file.get(), F_SETFL, ::fcntl(file.get(), F_GETFL) | O_APPEND); }));
  EXPECT_TRUE(::fcntl(file.get(), F_GETFL) & O_APPEND) << "status flags are shared";

  EXPECT_TRUE(passes_in_child([&] { set_nonblocking(file.get()); }));
  EXPECT_TRUE(is_nonblocking(file.get())) << "O_NONBLOCK is one of them";
}

TEST(Fork, leaves_parent_and_child_with_one_file_offset) {
  const UniqueFd file = plain_file("0123456789");
  EXPECT_TRUE(passes_in_child([&] {
    char three[3];
    EXPECT_EQ(::read(file.get(), three, 3), 3);
  }));
  EXPECT_EQ(offset(file), 3);
  char next = 0;
  EXPECT_EQ(::read(file.get(), &next, 1), 1);
  EXPECT_EQ(next, '3');
}

TEST(Fork, gives_each_its_own_close_on_exec_flag) {
  const UniqueFd file = plain_file();
  EXPECT_TRUE(passes_in_child([&] { set_close_exec(file.get()); }));
  EXPECT_FALSE(is_close_exec(file.get()));
}

TEST(Fork, lets_the_child_close_what_it_does_not_need_before_exec) {
  TORNADO_SKIP_UNLESS_REPORTER_RUNS();
  const UniqueFd file = plain_file();
  const Report report = execute_reporter([&] { (void)try_close(file.get()); });
  EXPECT_EQ(find(report.descriptors, file.get()), nullptr);
  EXPECT_NE(::fcntl(file.get(), F_GETFD), -1) << "the parent keeps its own";
}

TEST(Exec, keeps_descriptors_though_the_variables_that_held_them_are_gone) {
  TORNADO_SKIP_UNLESS_REPORTER_RUNS();
  const UniqueFd file = plain_file();
  const FdPair pipe = plain_pipe();
  const auto mine = open_descriptors();
  const Report report = execute_reporter({}, Write{file.get(), "from the child"});
  for (int fd : {file.get(), pipe.first.get(), pipe.second.get()}) {
    ASSERT_NE(find(report.descriptors, fd), nullptr) << fd;
    EXPECT_EQ(find(report.descriptors, fd)->target, find(mine, fd)->target);
  }
  EXPECT_EQ(report.write_errno, 0);
  EXPECT_EQ(offset(file), 14) << "through the very entry that the parent has";
}

TEST(CloseExec, is_off_by_default) {
  EXPECT_EQ(FD_CLOEXEC, 1);
  const UniqueFd file = plain_file();
  const FdPair pipe = plain_pipe();
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  for (int fd : {file.get(), pipe.first.get(), pipe.second.get(), socket.get()}) {
    EXPECT_EQ(::fcntl(fd, F_GETFD), 0);
    EXPECT_FALSE(is_close_exec(fd));
  }
}

TEST(CloseExec, closes_at_exec_what_was_marked_when_it_was_opened) {
  TORNADO_SKIP_UNLESS_REPORTER_RUNS();
  const UniqueFd marked = plain_file();
  set_close_exec(marked.get());
  const UniqueFd unmarked = plain_file();
  const Report report = execute_reporter({}, Write{marked.get(), "x"});
  EXPECT_EQ(find(report.descriptors, marked.get()), nullptr);
  EXPECT_NE(find(report.descriptors, unmarked.get()), nullptr);
  EXPECT_EQ(report.write_errno, EBADF) << "no data can be read or written there again";
  EXPECT_EQ(offset(marked), 0);
}

TEST(CloseExec, leaves_a_marked_descriptor_usable_after_fork) {
  const UniqueFd marked = plain_file();
  set_close_exec(marked.get());
  EXPECT_TRUE(passes_in_child([&] {
    EXPECT_TRUE(is_close_exec(marked.get()));
    EXPECT_EQ(::write(marked.get(), "child", 5), 5);
  }));
  EXPECT_EQ(offset(marked), 5);
}

TEST(CloseExec, cleared_again_lets_exec_keep_it) {
  TORNADO_SKIP_UNLESS_REPORTER_RUNS();
  const UniqueFd file = plain_file();
  set_close_exec(file.get());
  set_close_exec(file.get(), false);
  EXPECT_NE(find(execute_reporter().descriptors, file.get()), nullptr);
}

TEST(CloseExec, keeps_the_other_flags) {
  const FdPair pipe = plain_pipe();
  const UniqueFd file = plain_file();
  ::fcntl(file.get(), F_SETFL, O_APPEND | O_NONBLOCK);
  const int status = ::fcntl(file.get(), F_GETFL);
  set_close_exec(file.get());
  EXPECT_EQ(::fcntl(file.get(), F_GETFL), status);
  EXPECT_EQ(::fcntl(file.get(), F_GETFD), FD_CLOEXEC);
  set_nonblocking(file.get(), false);
  EXPECT_EQ(::fcntl(file.get(), F_GETFL), status & ~O_NONBLOCK);
  EXPECT_EQ(::fcntl(file.get(), F_GETFD), FD_CLOEXEC);
}

TEST(Nonblocking, read_with_nothing_to_read_gives_EAGAIN) {
  const FdPair pipe = plain_pipe();
  set_nonblocking(pipe.first.get());
  char buffer[1024];
  EXPECT_EQ(::read(pipe.first.get(), buffer, sizeof buffer), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST(Nonblocking, write_into_a_full_buffer_gives_EAGAIN) {
  const FdPair pipe = plain_pipe();
  set_nonblocking(pipe.second.get());
  EXPECT_GT(fill(pipe.second.get()), 0u);
  const char kilobyte[1024] = {};
  EXPECT_EQ(::write(pipe.second.get(), kilobyte, sizeof kilobyte), -1);
  EXPECT_EQ(errno, EAGAIN);
}

/// How a thread sleeps until `fd` is readable; each for ever.
using Sleep = void (*)(int fd);

void sleep_in_select(int fd) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  ASSERT_EQ(::select(fd + 1, &set, nullptr, nullptr, nullptr), 1);
}

void sleep_in_poll(int fd) {
  ASSERT_TRUE(becomes_readable(fd));
}

void sleep_in_epoll_wait(int fd) {
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event), 0);
  ASSERT_EQ(::epoll_wait(epoll.get(), &event, 1, -1), 1);
}

struct Sleeper {
  const char* name;
  Sleep sleep;
};

class EveryWakerAndSleep
    : public testing::TestWithParam<std::tuple<WakerKind, Sleeper>> {};

TEST_P(EveryWakerAndSleep, wake_ends_the_sleep_of_another_thread) {
  const auto& [kind, sleeper] = GetParam();
  Waker waker(kind);
  for (int round = 0; round < 100; ++round) {
    Thread thread([&waker, sleep = sleeper.sleep] { sleep(waker.fileno()); });
    if (round % 2) std::this_thread::yield();
    waker.wake();
    thread.join();
    EXPECT_TRUE(waker.consume());
    EXPECT_FALSE(is_readable(waker.fileno()));
  }
}

INSTANTIATE_TEST_SUITE_P(
    , EveryWakerAndSleep,
    testing::Combine(testing::ValuesIn(waker_kinds()),
                     testing::Values(Sleeper{"select", &sleep_in_select},
                                     Sleeper{"poll", &sleep_in_poll},
                                     Sleeper{"epoll_wait", &sleep_in_epoll_wait})),
    [](const auto& test) {
      return std::string(to_string(std::get<0>(test.param))) + "_and_" +
             std::get<1>(test.param).name;
    });

TEST(Waker, is_like_a_pipe) {
  Waker waker(WakerKind::pipe);
  EXPECT_EQ(::write(waker.write_fileno(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(waker.fileno(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

TEST(Waker, has_both_ends_non_blocking_and_close_on_exec) {
  TORNADO_SKIP_UNLESS_REPORTER_RUNS();
  Waker waker(WakerKind::pipe);
  for (int fd : {waker.fileno(), waker.write_fileno()}) {
    EXPECT_TRUE(is_nonblocking(fd));
    EXPECT_TRUE(is_close_exec(fd));
  }
  const Report report = execute_reporter();
  EXPECT_EQ(find(report.descriptors, waker.fileno()), nullptr);
  EXPECT_EQ(find(report.descriptors, waker.write_fileno()), nullptr);
}

}  // namespace
}  // namespace tornado::test
