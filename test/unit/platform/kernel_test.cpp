// SPDX-License-Identifier: Apache-2.0
// What the kernel does with descriptors at fork, exec, read and write, in code that
// runs. The library relies on it and cannot make these tests fail: ctest labels them
// "documentation".
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "support/child.h"
#include "support/descriptors.h"
#include "support/reporter.h"
#include "support/wait.h"
#include "tornado/fd.h"
#include "tornado/platform.h"

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

TEST(KernelFork, gives_the_child_a_copy_of_the_descriptors) {
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

TEST(KernelFork, leaves_parent_and_child_with_one_file_table_entry_for_one_number) {
  const UniqueFd file = plain_file();
  EXPECT_TRUE(passes_in_child(
      [&] { ::fcntl(file.get(), F_SETFL, ::fcntl(file.get(), F_GETFL) | O_APPEND); }));
  EXPECT_TRUE(::fcntl(file.get(), F_GETFL) & O_APPEND) << "status flags are shared";

  EXPECT_TRUE(passes_in_child([&] { set_nonblocking(file.get()); }));
  EXPECT_TRUE(is_nonblocking(file.get())) << "O_NONBLOCK is one of them";
}

TEST(KernelFork, leaves_parent_and_child_with_one_file_offset) {
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

TEST(KernelFork, gives_each_its_own_close_on_exec_flag) {
  const UniqueFd file = plain_file();
  EXPECT_TRUE(passes_in_child([&] { set_close_exec(file.get()); }));
  EXPECT_FALSE(is_close_exec(file.get()));
}

TEST(KernelFork, lets_the_child_close_what_it_does_not_need_before_exec) {
  TORNADO_SKIP_UNLESS_REPORTER_RUNS();
  const UniqueFd file = plain_file();
  const Report report = execute_reporter([&] { (void)try_close(file.get()); });
  EXPECT_EQ(find(report.descriptors, file.get()), nullptr);
  EXPECT_NE(::fcntl(file.get(), F_GETFD), -1) << "the parent keeps its own";
}

TEST(KernelExec, keeps_descriptors_though_the_variables_that_held_them_are_gone) {
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

TEST(KernelCloseExec, is_off_by_default) {
  EXPECT_EQ(FD_CLOEXEC, 1);
  const UniqueFd file = plain_file();
  const FdPair pipe = plain_pipe();
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  for (int fd : {file.get(), pipe.first.get(), pipe.second.get(), socket.get()}) {
    EXPECT_EQ(::fcntl(fd, F_GETFD), 0);
    EXPECT_FALSE(is_close_exec(fd));
  }
}

TEST(KernelCloseExec, leaves_a_marked_descriptor_usable_after_fork) {
  const UniqueFd marked = plain_file();
  set_close_exec(marked.get());
  EXPECT_TRUE(passes_in_child([&] {
    EXPECT_TRUE(is_close_exec(marked.get()));
    EXPECT_EQ(::write(marked.get(), "child", 5), 5);
  }));
  EXPECT_EQ(offset(marked), 5);
}

TEST(KernelNonblocking, read_with_nothing_to_read_gives_EAGAIN) {
  const FdPair pipe = plain_pipe();
  set_nonblocking(pipe.first.get());
  char buffer[1024];
  EXPECT_EQ(::read(pipe.first.get(), buffer, sizeof buffer), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST(KernelNonblocking, write_into_a_full_buffer_gives_EAGAIN) {
  const FdPair pipe = plain_pipe();
  set_nonblocking(pipe.second.get());
  EXPECT_GT(fill(pipe.second.get()), 0u);
  const char kilobyte[1024] = {};
  EXPECT_EQ(::write(pipe.second.get(), kilobyte, sizeof kilobyte), -1);
  EXPECT_EQ(errno, EAGAIN);
}

}  // namespace
}  // namespace tornado::test
