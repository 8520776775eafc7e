// SPDX-License-Identifier: Apache-2.0
#include "platform/descriptors.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/descriptor_maker.h"
#include "platform/system_error.h"

namespace tornado {
namespace {

constexpr int first_own = STDERR_FILENO + 1;

/// Close-on-exec at birth, and 3 or above.
int duplicate_above_standard(int fd) noexcept {
  const int number = ::fcntl(fd, F_DUPFD_CLOEXEC, first_own);
  // What the kernel says when RLIMIT_NOFILE leaves no number that high.
  if (number == -1 && errno == EINVAL) errno = EMFILE;
  return number;
}

FdPair adopt_pair(const int (&ends)[2], std::string_view act) {
  // Both are owned before either is lifted, which may throw.
  UniqueFd first(ends[0]);
  UniqueFd second(ends[1]);
  first = adopt(first.release(), act);
  second = adopt(second.release(), act);
  return {std::move(first), std::move(second)};
}

}  // namespace

std::error_code try_close(NativeFd fd) noexcept {
  ErrnoKeeper keep;
  set_maker(fd, nullptr);
  if (::close(fd) == 0 || errno == EINTR) return {};
  return last_error();
}

UniqueFd adopt(NativeFd fd, std::string_view act) {
  if (fd == invalid_fd) throw_errno(act);
  UniqueFd owned(fd);
  if (fd >= first_own) return owned;
  const int lifted = duplicate_above_standard(fd);
  if (lifted == -1) throw_errno(act_on("F_DUPFD_CLOEXEC", fd));
  return UniqueFd(lifted);
}

void replace(NativeFd number, UniqueFd fresh) {
  int result;
  do {
    result = ::dup3(fresh.get(), number, O_CLOEXEC);
  } while (result == -1 && (errno == EINTR || errno == EBUSY));  // EBUSY: races open()
  if (result == -1) throw_errno(act_on("dup3", number));
}

FdPair make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1) throw_errno("pipe2");
  return adopt_pair(ends, "pipe2");
}

FdPair make_socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) ==
      -1) {
    throw_errno("socketpair");
  }
  return adopt_pair(ends, "socketpair");
}

UniqueFd make_socket(int domain, int type, int protocol) {
  return adopt(::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol),
               "socket");
}

UniqueFd accept_socket(NativeFd listener) {
  const int fd = retry_eintr([listener] {
    int accepted;
    do {
      accepted = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (accepted == -1 && errno == ECONNABORTED);
    return accepted;
  });
  if (fd == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
  return adopt(fd, act_on("accept4", listener));
}

UniqueFd open_file(const char* path, int flags, unsigned mode) {
  const int fd = retry_eintr(
      [&] { return ::open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode); });
  return adopt(fd, std::string("open ") + path);
}

UniqueFd duplicate(NativeFd fd) {
  return adopt(duplicate_above_standard(fd), act_on("F_DUPFD_CLOEXEC", fd));
}

}  // namespace tornado
