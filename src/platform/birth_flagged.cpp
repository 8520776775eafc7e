// SPDX-License-Identifier: Apache-2.0
// With the flags in the call itself: Linux 2.6.27, FreeBSD 10, NetBSD, OpenBSD.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/birth.h"

namespace tornado {

int bear_pipe(int (&ends)[2]) noexcept {
  return ::pipe2(ends, O_CLOEXEC | O_NONBLOCK);
}

int bear_socket_pair(int (&ends)[2]) noexcept {
  return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
}

int bear_socket(int domain, int type, int protocol) noexcept {
  return ::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

int bear_accepted(int listener) noexcept {
  return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int put_in_place(int fd, int number) noexcept {
  return ::dup3(fd, number, O_CLOEXEC);
}

}  // namespace tornado
