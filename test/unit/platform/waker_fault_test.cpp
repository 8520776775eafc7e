// SPDX-License-Identifier: Apache-2.0
// Wakers whose system calls fail.
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>

#include "platform/every_waker.h"
#include "platform/fd.h"
#include "platform/wake_mechanism.h"
#include "support/descriptors.h"

namespace {

std::span<const int> errors;  // of the next sends; the last of them stays
int sends = 0;

}  // namespace

// In front of the system's.
extern "C" __attribute__((visibility("default"))) ssize_t send(int fd, const void* from,
                                                               size_t size, int flags) {
  ++sends;
  if (errors.empty() || errors.front() == 0) {
    return ::syscall(SYS_sendto, fd, from, size, flags, nullptr, 0);
  }
  errno = errors.front();
  if (errors.size() > 1) errors = errors.subspan(1);
  return -1;
}

namespace tornado::test {
namespace {

class SignalSocket : public testing::Test {
 protected:
  void TearDown() override { errors = {}; }
  int signal(std::span<const int> with_errors) {
    errors = with_errors;
    sends = 0;
    wake_by_socketpair.signal(pair_.second.get());
    return sends;
  }
  bool came() { return drain(pair_.first.get()) == 1; }

  FdPair pair_ = make_socket_pair();
};

TEST_F(SignalSocket, tries_again_when_it_was_interrupted_or_there_was_no_memory) {
  EXPECT_EQ(signal({}), 1);
  EXPECT_TRUE(came());
  for (const int error : {EINTR, ENOBUFS, ENOMEM}) {
    EXPECT_EQ(signal(std::array{error, error, 0}), 3) << error;
    EXPECT_TRUE(came());
  }
}

TEST_F(SignalSocket, tries_once_when_the_buffer_is_full_or_the_other_end_is_dead) {
  for (const int error : {EAGAIN, EPIPE, ECONNRESET, EBADF}) {
    EXPECT_EQ(signal(std::array{error}), 1) << error;
  }
}

TEST_F(SignalSocket, tries_a_limited_number_of_times) {
  EXPECT_LE(signal(std::array{ENOBUFS}), 1000);
}

TEST(DrainStream, finds_the_end_whatever_errno_was_before) {
  for (const int before : {0, EAGAIN, EINTR, ENOTTY}) {
    FdPair pair = make_socket_pair();
    put_byte(pair.second);
    errno = before;
    EXPECT_TRUE(wake_by_socketpair.drain(pair.first.get()));
    put_byte(pair.second);
    pair.second.reset();
    errno = before;
    EXPECT_FALSE(wake_by_socketpair.drain(pair.first.get()));
    EXPECT_FALSE(wake_by_socketpair.drain(pair.first.get()));
  }
}

TEST(DrainStream, tells_an_error_from_an_empty_stream) {
  EXPECT_FALSE(wake_by_socketpair.drain(invalid_fd));
}

TEST(EventfdWaker, reads_nothing_from_a_file_that_replaced_its_eventfd) {
  Waker waker(WakerKind::eventfd);
  const FdPair other = make_pipe();
  const std::uint64_t bytes = 1;
  ASSERT_EQ(::write(other.second.get(), &bytes, sizeof bytes), 8);
  ASSERT_NE(::dup2(other.first.get(), waker.fileno()), -1);
  waker.wake();  // which cannot write to it
  EXPECT_EQ(drain(other.first.get()), 8u);
}

TEST(EventfdWaker, is_dead_when_it_cannot_be_read_whatever_errno_was_before) {
  for (const int before : {0, EAGAIN, ENOTTY}) {
    Waker waker(WakerKind::eventfd);
    const FdPair other = make_pipe();
    ASSERT_NE(::dup2(other.second.get(), waker.fileno()), -1);
    errno = before;
    EXPECT_FALSE(waker.consume()) << "it is written to only";
    replace_the_writer(waker);
    errno = before;
    EXPECT_FALSE(waker.consume()) << "it is at its end";
  }
}

TEST(PipeWaker, keeps_one_old_end_at_most) {
  Waker waker(WakerKind::pipe);
  waker.rebuild();
  const std::set<NativeFd> open = open_numbers();
  for (int i = 0; i < 3; ++i) {
    waker.rebuild();
    EXPECT_EQ(open_numbers().size(), open.size());
  }
}

}  // namespace
}  // namespace tornado::test
