// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/cloexec.h"
#include "platform/fd.h"
#include "platform/socket_hooks.h"
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
  tag_descriptor(fd, nullptr);
  if (SocketHooks* const hooks = hooks_of(fd)) hooks->closing(fd);
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

UniqueFd adopt_if_made(NativeFd fd) noexcept {
  UniqueFd owned(fd);
  if (!owned || fd >= first_own) return owned;
  return UniqueFd(duplicate_above_standard(fd));
}

bool is_open(NativeFd fd) noexcept {
  const ErrnoKeeper keep;
  return ::fcntl(fd, F_GETFD) != -1;
}

// One word, so that it fits into an atomic.
std::uint64_t file_id(NativeFd fd) noexcept {
  const ErrnoKeeper keep;
  struct stat status;
  if (::fstat(fd, &status) == -1) return 0;
  constexpr std::uint64_t spread = 0x9e3779b97f4a7c15;
  const auto device = static_cast<std::uint64_t>(status.st_dev);
  return (device * spread) ^ static_cast<std::uint64_t>(status.st_ino);
}

bool overwrite(NativeFd number, NativeFd fd) noexcept {
  int result;
  do {
    result = dup2_cloexec(fd, number);
  } while (result == -1 && (errno == EINTR || errno == EBUSY));  // EBUSY: races open()
  return result != -1;
}

Replaced replace(NativeFd number, UniqueFd fresh) {
  if (!overwrite(number, fresh.get())) throw_errno(act_on("dup2", number));
  return {number, {}};
}

FdPair make_pipe() {
  int ends[2];
  if (pipe_cloexec(ends) == -1) throw_errno("pipe");
  return adopt_pair(ends, "pipe");
}

FdPair make_socket_pair() {
  int ends[2];
  if (socket_pair_cloexec(ends) == -1) throw_errno("socketpair");
  return adopt_pair(ends, "socketpair");
}

UniqueFd make_system_socket(int domain, int type, int protocol) {
  return adopt(socket_cloexec(domain, type, protocol), "socket");
}

UniqueFd accept_in_system(NativeFd listener, void* peer, std::size_t& size) {
  socklen_t length = 0;
  const int fd = retry_eintr([&] {
    int accepted;
    do {
      length = static_cast<socklen_t>(size);
      accepted = accept_cloexec(listener, static_cast<sockaddr*>(peer),
                                peer ? &length : nullptr);
    } while (accepted == -1 && errno == ECONNABORTED);
    return accepted;
  });
  size = length;
  if (fd == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
  if (fd == -1) throw_errno(act_on("accept", listener));
  return adopt(fd, "accept");
}

UniqueFd open_file(const char* path, int flags, unsigned mode) {
  const int fd = retry_eintr(
      [&] { return ::open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode); });
  // Not as adopt's argument: there may be no memory for it, and fd would be lost.
  if (fd == -1) throw_errno(std::string("open ") + path);
  return adopt(fd, "open");
}

UniqueFd duplicate(NativeFd fd) {
  const int number = duplicate_above_standard(fd);
  if (number == -1) throw_errno(act_on("F_DUPFD_CLOEXEC", fd));
  UniqueFd copy(number);
  if (SocketHooks* const hooks = hooks_of(fd)) hooks->duplicated(fd, number);
  return copy;
}

}  // namespace tornado
