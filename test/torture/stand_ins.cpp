// SPDX-License-Identifier: Apache-2.0
// What the linker calls in the place of the system's calls (--wrap), for this program
// alone: the library under it is the one that is installed.

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <utility>

#include "calls.h"
#include "faults.h"

struct io_uring;
struct io_uring_params;

using tornado::torture::call_id;
using tornado::torture::calls;
using tornado::torture::moves_one_byte;
using tornado::torture::strike;

namespace {

template <std::size_t id>
int strike_named() noexcept {
  static_assert(id < calls.size(), "not in the table");
  return strike(id);
}

std::size_t id_of_number(long number) noexcept {
  switch (number) {
    case SYS_close_range:
      return call_id("syscall close_range");
    case SYS_dup3:
      return call_id("syscall dup3");
    case SYS_epoll_pwait2:
      return call_id("syscall epoll_pwait2");
    case SYS_execve:
      return call_id("syscall execve");
    case SYS_fcntl:
      return call_id("syscall fcntl");
    case SYS_kcmp:
      return call_id("syscall kcmp");
    case SYS_membarrier:
      return call_id("syscall membarrier");
    case SYS_pidfd_open:
      return call_id("syscall pidfd_open");
    case SYS_pidfd_send_signal:
      return call_id("syscall pidfd_send_signal");
    default:
      return calls.size();
  }
}

}  // namespace

#define STRIKE(name) strike_named<call_id(name)>()

/// result, name, what says that it failed, parameters, arguments
#define STAND_IN(Result, name, failure, parameters, arguments) \
  extern "C" Result __real_##name parameters;                  \
  extern "C" Result __wrap_##name parameters;                  \
  extern "C" Result __wrap_##name parameters {                 \
    if (const int error = STRIKE(#name)) {                     \
      errno = error;                                           \
      return failure;                                          \
    }                                                          \
    return __real_##name arguments;                            \
  }

/// The same for what moves bytes, and may move fewer: `size` is its parameter.
#define STAND_IN_OF_BYTES(name, parameters, arguments) \
  extern "C" ssize_t __real_##name parameters;         \
  extern "C" ssize_t __wrap_##name parameters;         \
  extern "C" ssize_t __wrap_##name parameters {        \
    const int error = STRIKE(#name);                   \
    if (error == moves_one_byte) {                     \
      size = std::min<std::size_t>(size, 1);           \
    } else if (error != 0) {                           \
      errno = error;                                   \
      return -1;                                       \
    }                                                  \
    return __real_##name arguments;                    \
  }

STAND_IN_OF_BYTES(read, (int fd, void* bytes, std::size_t size), (fd, bytes, size))
STAND_IN_OF_BYTES(write, (int fd, const void* bytes, std::size_t size),
                  (fd, bytes, size))
STAND_IN_OF_BYTES(send, (int fd, const void* bytes, std::size_t size, int flags),
                  (fd, bytes, size, flags))

STAND_IN(int, accept4, -1, (int fd, sockaddr* a, socklen_t* n, int flags),
         (fd, a, n, flags))
STAND_IN(int, access, -1, (const char* path, int mode), (path, mode))
STAND_IN(int, bind, -1, (int fd, const sockaddr* a, socklen_t n), (fd, a, n))
STAND_IN(int, connect, -1, (int fd, const sockaddr* a, socklen_t n), (fd, a, n))
STAND_IN(int, dup3, -1, (int from, int to, int flags), (from, to, flags))
STAND_IN(int, epoll_create1, -1, (int flags), (flags))
STAND_IN(int, epoll_ctl, -1, (int e, int act, int fd, epoll_event* event),
         (e, act, fd, event))
STAND_IN(int, epoll_wait, -1, (int e, epoll_event* events, int most, int timeout),
         (e, events, most, timeout))
STAND_IN(int, eventfd, -1, (unsigned value, int flags), (value, flags))
STAND_IN(pid_t, fork, -1, (), ())
STAND_IN(int, getpeername, -1, (int fd, sockaddr* a, socklen_t* n), (fd, a, n))
STAND_IN(int, getsockname, -1, (int fd, sockaddr* a, socklen_t* n), (fd, a, n))
STAND_IN(int, io_uring_queue_init_params, -error,
         (unsigned n, io_uring* ring, io_uring_params* p), (n, ring, p))
STAND_IN(int, kill, -1, (pid_t pid, int signal), (pid, signal))
STAND_IN(int, listen, -1, (int fd, int most), (fd, most))
STAND_IN(int, madvise, -1, (void* at, std::size_t size, int advice), (at, size, advice))
STAND_IN(void*, mmap, MAP_FAILED,
         (void* at, std::size_t size, int protection, int flags, int fd, off_t offset),
         (at, size, protection, flags, fd, offset))
STAND_IN(int, mprotect, -1, (void* at, std::size_t size, int protection),
         (at, size, protection))
STAND_IN(int, nanosleep, -1, (const timespec* time, timespec* rest), (time, rest))
STAND_IN(DIR*, opendir, nullptr, (const char* path), (path))
STAND_IN(int, pipe2, -1, (int* ends, int flags), (ends, flags))
STAND_IN(int, poll, -1, (pollfd * fds, nfds_t n, int timeout), (fds, n, timeout))
STAND_IN(int, ppoll, -1,
         (pollfd * fds, nfds_t n, const timespec* timeout, const sigset_t* mask),
         (fds, n, timeout, mask))
STAND_IN(int, pselect, -1,
         (int n, fd_set* r, fd_set* w, fd_set* e, const timespec* t, const sigset_t* m),
         (n, r, w, e, t, m))
STAND_IN(ssize_t, readlink, -1, (const char* path, char* text, std::size_t size),
         (path, text, size))
STAND_IN(int, sem_wait, -1, (sem_t * semaphore), (semaphore))
STAND_IN(int, setsockopt, -1,
         (int fd, int level, int option, const void* value, socklen_t size),
         (fd, level, option, value, size))
STAND_IN(int, sigaction, -1,
         (int signal, const struct sigaction* wanted, struct sigaction* before),
         (signal, wanted, before))
STAND_IN(int, socket, -1, (int domain, int type, int protocol),
         (domain, type, protocol))
STAND_IN(int, socketpair, -1, (int domain, int type, int protocol, int* ends),
         (domain, type, protocol, ends))
STAND_IN(int, stat, -1, (const char* path, struct stat* about), (path, about))

// A status that somebody else has taken is gone.
extern "C" int __real_waitid(idtype_t what, id_t id, siginfo_t* info, int options);
extern "C" int __wrap_waitid(idtype_t what, id_t id, siginfo_t* info, int options);
extern "C" int __wrap_waitid(idtype_t what, id_t id, siginfo_t* info, int options) {
  if (const int error = STRIKE("waitid")) {
    if (error == ECHILD) __real_waitid(what, id, nullptr, WEXITED);
    errno = error;
    return -1;
  }
  return __real_waitid(what, id, info, options);
}

extern "C" pid_t __real_waitpid(pid_t pid, int* status, int options);
extern "C" pid_t __wrap_waitpid(pid_t pid, int* status, int options);
extern "C" pid_t __wrap_waitpid(pid_t pid, int* status, int options) {
  if (const int error = STRIKE("waitpid")) {
    if (error == ECHILD) __real_waitpid(pid, nullptr, __WALL);
    errno = error;
    return -1;
  }
  return __real_waitpid(pid, status, options);
}

// Linux gives the number back whatever it says.
extern "C" int __real_close(int fd);
extern "C" int __wrap_close(int fd);
extern "C" int __wrap_close(int fd) {
  const int error = STRIKE("close");
  const int result = __real_close(fd);
  if (error == 0 || result == -1) return result;
  errno = error;
  return -1;
}

extern "C" int __real_fcntl(int fd, int act, ...);
extern "C" int __wrap_fcntl(int fd, int act, ...);
extern "C" int __wrap_fcntl(int fd, int act, ...) {
  va_list rest;
  va_start(rest, act);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  if (const int error = STRIKE("fcntl")) {
    errno = error;
    return -1;
  }
  return __real_fcntl(fd, act, argument);
}

extern "C" int __real_open(const char* path, int flags, ...);
extern "C" int __wrap_open(const char* path, int flags, ...);
extern "C" int __wrap_open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const unsigned mode = va_arg(rest, unsigned);
  va_end(rest);
  if (const int error = STRIKE("open")) {
    errno = error;
    return -1;
  }
  return __real_open(path, flags, mode);
}

extern "C" int __real_prctl(int act, ...);
extern "C" int __wrap_prctl(int act, ...);
extern "C" int __wrap_prctl(int act, ...) {
  va_list rest;
  va_start(rest, act);
  unsigned long a[4];
  for (unsigned long& word : a) word = va_arg(rest, unsigned long);
  va_end(rest);
  if (const int error = STRIKE("prctl")) {
    errno = error;
    return -1;
  }
  return __real_prctl(act, a[0], a[1], a[2], a[3]);
}

extern "C" int __real_clone(int (*)(void*), void*, int, void*, ...);
extern "C" int __wrap_clone(int (*body)(void*), void* stack, int flags, void* arg, ...);
extern "C" int __wrap_clone(int (*body)(void*), void* stack, int flags, void* arg,
                            ...) {
  va_list rest;
  va_start(rest, arg);
  void* const pidfd = va_arg(rest, void*);
  va_end(rest);
  if (const int error = STRIKE("clone")) {
    errno = error;
    return -1;
  }
  return __real_clone(body, stack, flags, arg, pidfd);
}

extern "C" long __real_syscall(long number, ...);
extern "C" long __wrap_syscall(long number, ...);
extern "C" long __wrap_syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  long a[6];
  for (long& word : a) word = va_arg(rest, long);
  va_end(rest);
  if (const std::size_t id = id_of_number(number); id < calls.size()) {
    if (const int error = strike(id)) {
      errno = error;
      return -1;
    }
  }
  return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

// The C++ library calls it, where --wrap does not reach: this one stands in front.
extern "C" __attribute__((visibility("default"))) int pthread_create(
    pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
    void* argument) noexcept {
  static const auto real =
      reinterpret_cast<decltype(&pthread_create)>(::dlsym(RTLD_NEXT, "pthread_create"));
  if (const int error = STRIKE("pthread_create")) return error;
  return real(thread, attributes, body, argument);
}

namespace tornado::torture {

std::vector<int> open_numbers() {
  std::vector<int> numbers;
  for (int fd = 0; fd < 256; ++fd) {
    if (__real_fcntl(fd, F_GETFD) != -1) numbers.push_back(fd);
  }
  return numbers;
}

bool no_children() {
  siginfo_t info{};
  return __real_waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == -1 &&
         errno == ECHILD;
}

}  // namespace tornado::torture
