// SPDX-License-Identifier: Apache-2.0
// A second call sets the flags: macOS has no pipe2, accept4 or SOCK_CLOEXEC.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>

#include "platform/cloexec.h"
#include "platform/system_error.h"

namespace tornado {
namespace {

void give_up(int fd) noexcept {
  ErrnoKeeper keep;
  ::close(fd);
}

bool set_both_flags(int fd) noexcept {
  const int status = ::fcntl(fd, F_GETFL);
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != -1 && status != -1 &&
      ::fcntl(fd, F_SETFL, status | O_NONBLOCK) != -1) {
    return true;
  }
  give_up(fd);
  return false;
}

int with_flags(int fd) noexcept {
  return fd != -1 && set_both_flags(fd) ? fd : -1;
}

int with_flags(int result, int (&ends)[2]) noexcept {
  if (result == -1) return -1;
  if (!set_both_flags(ends[0])) {
    give_up(ends[1]);
    return -1;
  }
  if (set_both_flags(ends[1])) return 0;
  give_up(ends[0]);
  return -1;
}

}  // namespace

std::shared_mutex& cloexec_lock() noexcept {
  static auto* const lock = new std::shared_mutex;  // for threads that outlive main
  return *lock;
}

int pipe_cloexec(int (&ends)[2]) noexcept {
  const std::shared_lock lock(cloexec_lock());
  return with_flags(::pipe(ends), ends);
}

int socket_pair_cloexec(int (&ends)[2]) noexcept {
  const std::shared_lock lock(cloexec_lock());
  return with_flags(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ends);
}

int socket_cloexec(int domain, int type, int protocol) noexcept {
  const std::shared_lock lock(cloexec_lock());
  return with_flags(::socket(domain, type, protocol));
}

// A blocking listener holds the lock while it waits.
int accept_cloexec(int listener, sockaddr* peer, socklen_t* size) noexcept {
  const std::shared_lock lock(cloexec_lock());
  return with_flags(::accept(listener, peer, size));
}

int dup2_cloexec(int fd, int number) noexcept {
  const std::shared_lock lock(cloexec_lock());
  if (::dup2(fd, number) == -1) return -1;
  return ::fcntl(number, F_SETFD, FD_CLOEXEC) == -1 ? -1 : number;
}

}  // namespace tornado
