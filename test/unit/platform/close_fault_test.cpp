// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "tornado/fd.h"

namespace {

int interrupted_fd = -1;  // its close is interrupted
int calls = 0;

}  // namespace

// In front of the system's: Linux has freed the number by the time it says EINTR.
extern "C" __attribute__((visibility("default"))) int close(int fd) {
  const auto result = static_cast<int>(::syscall(SYS_close, fd));
  if (fd != interrupted_fd) return result;
  ++calls;
  errno = EINTR;
  return -1;
}

namespace tornado::test {
namespace {

TEST(TryClose, counts_EINTR_as_success_and_does_not_try_again) {
  UniqueFd fd = open_file("/dev/null", O_RDONLY);
  interrupted_fd = fd.get();
  calls = 0;
  errno = ENOTTY;
  EXPECT_FALSE(fd.close());
  EXPECT_EQ(errno, ENOTTY);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(::fcntl(interrupted_fd, F_GETFD), -1);
  interrupted_fd = -1;
}

}  // namespace
}  // namespace tornado::test
