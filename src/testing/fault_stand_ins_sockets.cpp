// SPDX-License-Identifier: Apache-2.0
// The calls on sockets, and the calls that move several pieces of bytes.
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

#include "testing/fault_stand_ins.h"

using tornado::moves_one_byte;

STAND_IN_OF_BYTES(recv, (int fd, void* bytes, std::size_t size, int flags),
                  (fd, bytes, size, flags))
STAND_IN_OF_BYTES(send, (int fd, const void* bytes, std::size_t size, int flags),
                  (fd, bytes, size, flags))

/// The same for calls with a vector of bytes: one byte of the first piece.
#define STAND_IN_OF_MESSAGE(name, Message)                                \
  extern "C" ssize_t __real_##name(int fd, Message* message, int flags);  \
  extern "C" ssize_t __wrap_##name(int fd, Message* message, int flags);  \
  extern "C" ssize_t __wrap_##name(int fd, Message* message, int flags) { \
    tornado::faults::note_use(fd);                                        \
    const int error = TORNADO_STRIKE(#name);                              \
    if (error == moves_one_byte && message->msg_iovlen > 0) {             \
      iovec first = {message->msg_iov[0].iov_base,                        \
                     message->msg_iov[0].iov_len > 0 ? 1u : 0u};          \
      msghdr shorter = *message;                                          \
      shorter.msg_iov = &first;                                           \
      shorter.msg_iovlen = 1;                                             \
      const ssize_t moved = __real_##name(fd, &shorter, flags);           \
      tornado::faults::copy_back(shorter, message);                       \
      return moved;                                                       \
    }                                                                     \
    if (error != 0) {                                                     \
      errno = error;                                                      \
      return -1;                                                          \
    }                                                                     \
    return __real_##name(fd, message, flags);                             \
  }

namespace tornado::faults {
namespace {

// What recvmsg tells beside the bytes. sendmsg tells nothing.
void copy_back(const msghdr& told, msghdr* message) noexcept {
  message->msg_namelen = told.msg_namelen;
  message->msg_controllen = told.msg_controllen;
  message->msg_flags = told.msg_flags;
}
void copy_back(const msghdr&, const msghdr*) noexcept {}

}  // namespace
}  // namespace tornado::faults

STAND_IN_OF_MESSAGE(recvmsg, msghdr)
STAND_IN_OF_MESSAGE(sendmsg, const msghdr)

/// Of several messages, one. Each moves whole.
#define STAND_IN_OF_MESSAGES(name, parameters, arguments) \
  extern "C" int __real_##name parameters;                \
  extern "C" int __wrap_##name parameters;                \
  extern "C" int __wrap_##name parameters {               \
    tornado::faults::note_use(fd);                        \
    const int error = TORNADO_STRIKE(#name);              \
    if (error == moves_one_byte) {                        \
      if (count > 1) count = 1;                           \
    } else if (error != 0) {                              \
      errno = error;                                      \
      return -1;                                          \
    }                                                     \
    return __real_##name arguments;                       \
  }

STAND_IN_OF_MESSAGES(recvmmsg,
                     (int fd, mmsghdr* all, unsigned count, int flags, timespec* end),
                     (fd, all, count, flags, end))
STAND_IN_OF_MESSAGES(sendmmsg, (int fd, mmsghdr* all, unsigned count, int flags),
                     (fd, all, count, flags))

extern "C" ssize_t __real_writev(int fd, const iovec* pieces, int count);
extern "C" ssize_t __wrap_writev(int fd, const iovec* pieces, int count);
extern "C" ssize_t __wrap_writev(int fd, const iovec* pieces, int count) {
  tornado::faults::note_use(fd);
  const int error = TORNADO_STRIKE("writev");
  if (error == moves_one_byte && count > 0) {
    const iovec first = {pieces[0].iov_base, pieces[0].iov_len > 0 ? 1u : 0u};
    return __real_writev(fd, &first, 1);
  }
  if (error != 0) {
    errno = error;
    return -1;
  }
  return __real_writev(fd, pieces, count);
}

TORNADO_STAND_IN(int, accept4, -1, (int fd, sockaddr* a, socklen_t* n, int flags),
                 (fd, a, n, flags))
TORNADO_STAND_IN(int, bind, -1, (int fd, const sockaddr* a, socklen_t n), (fd, a, n))
TORNADO_STAND_IN(int, connect, -1, (int fd, const sockaddr* a, socklen_t n), (fd, a, n))
TORNADO_STAND_IN(int, getpeername, -1, (int fd, sockaddr* a, socklen_t* n), (fd, a, n))
TORNADO_STAND_IN(int, getsockname, -1, (int fd, sockaddr* a, socklen_t* n), (fd, a, n))
TORNADO_STAND_IN(int, getsockopt, -1,
                 (int fd, int level, int option, void* value, socklen_t* size),
                 (fd, level, option, value, size))
TORNADO_STAND_IN(int, listen, -1, (int fd, int most), (fd, most))
TORNADO_STAND_IN(int, setsockopt, -1,
                 (int fd, int level, int option, const void* value, socklen_t size),
                 (fd, level, option, value, size))
TORNADO_STAND_IN(int, shutdown, -1, (int fd, int how), (fd, how))
TORNADO_STAND_IN(int, socketpair, -1, (int domain, int type, int protocol, int* ends),
                 (domain, type, protocol, ends))
TORNADO_STAND_IN(int, socket, -1, (int domain, int type, int protocol),
                 (domain, type, protocol))
