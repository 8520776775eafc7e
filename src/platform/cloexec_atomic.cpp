// SPDX-License-Identifier: Apache-2.0
// The call itself sets both flags: Linux 2.6.27, FreeBSD 10, NetBSD, OpenBSD.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/cloexec.h"

namespace tornado {

int pipe_cloexec(int (&ends)[2]) noexcept {
  return ::pipe2(ends, O_CLOEXEC | O_NONBLOCK);
}

int socket_pair_cloexec(int (&ends)[2]) noexcept {
  return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
}

int socket_cloexec(int domain, int type, int protocol) noexcept {
  return ::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

int accept_cloexec(int listener, sockaddr* peer, socklen_t* size) noexcept {
  return ::accept4(listener, peer, size, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int dup2_cloexec(int fd, int number) noexcept {
  return ::dup3(fd, number, O_CLOEXEC);
}

}  // namespace tornado
