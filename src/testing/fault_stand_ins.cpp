// SPDX-License-Identifier: Apache-2.0
// Wrappers that the linker puts in the place of the system's calls (--wrap), in
// programs that ask for it. The library itself is the installed one.

#include "testing/fault_stand_ins.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>

using tornado::moves_one_byte;
using tornado::faults::call_id;
using tornado::faults::calls;
using tornado::faults::strike;

namespace {

struct NumberedCall {
  long number;
  std::size_t id;
};

constexpr NumberedCall numbered[] = {
    {SYS_chdir, call_id("syscall chdir")},
    {SYS_close_range, call_id("syscall close_range")},
    {SYS_dup3, call_id("syscall dup3")},
    {SYS_epoll_pwait2, call_id("syscall epoll_pwait2")},
    {SYS_execve, call_id("syscall execve")},
    {SYS_fcntl, call_id("syscall fcntl")},
    {SYS_getdents64, call_id("syscall getdents64")},
    {SYS_kcmp, call_id("syscall kcmp")},
    {SYS_membarrier, call_id("syscall membarrier")},
    {SYS_openat, call_id("syscall openat")},
    {SYS_pidfd_open, call_id("syscall pidfd_open")},
    {SYS_pidfd_send_signal, call_id("syscall pidfd_send_signal")},
    {SYS_prctl, call_id("syscall prctl")},
    {SYS_prlimit64, call_id("syscall prlimit64")},
    {SYS_setgroups, call_id("syscall setgroups")},
    {SYS_setpgid, call_id("syscall setpgid")},
    {SYS_setpriority, call_id("syscall setpriority")},
    {SYS_setresgid, call_id("syscall setresgid")},
    {SYS_setresuid, call_id("syscall setresuid")},
    {SYS_setsid, call_id("syscall setsid")},
};

std::size_t id_of_number(long number) noexcept {
  for (const NumberedCall& call : numbered) {
    if (call.number == number) return call.id;
  }
  return calls.size();
}

}  // namespace

STAND_IN_OF_BYTES(read, (int fd, void* bytes, std::size_t size), (fd, bytes, size))
STAND_IN_OF_BYTES(write, (int fd, const void* bytes, std::size_t size),
                  (fd, bytes, size))
TORNADO_STAND_IN(int, access, -1, (const char* path, int mode), (path, mode))
TORNADO_STAND_IN(int, dup3, -1, (int from, int to, int flags), (from, to, flags))
TORNADO_STAND_IN(int, epoll_create1, -1, (int flags), (flags))
TORNADO_STAND_IN(int, epoll_wait, -1,
                 (int e, epoll_event* events, int most, int timeout),
                 (e, events, most, timeout))
TORNADO_STAND_IN(int, eventfd, -1, (unsigned value, int flags), (value, flags))
TORNADO_STAND_IN(pid_t, fork, -1, (), ())
TORNADO_STAND_IN(int, kill, -1, (pid_t pid, int signal), (pid, signal))
TORNADO_STAND_IN(int, madvise, -1, (void* at, std::size_t size, int advice),
                 (at, size, advice))
TORNADO_STAND_IN(void*, mmap, MAP_FAILED,
                 (void* at, std::size_t size, int protection, int flags, int fd,
                  off_t offset),
                 (at, size, protection, flags, fd, offset))
TORNADO_STAND_IN(int, mprotect, -1, (void* at, std::size_t size, int protection),
                 (at, size, protection))
TORNADO_STAND_IN(int, nanosleep, -1, (const timespec* time, timespec* rest),
                 (time, rest))
TORNADO_STAND_IN(DIR*, fdopendir, nullptr, (int fd), (fd))
TORNADO_STAND_IN(int, pipe2, -1, (int* ends, int flags), (ends, flags))
TORNADO_STAND_IN(int, poll, -1, (pollfd * fds, nfds_t n, int timeout),
                 (fds, n, timeout))
TORNADO_STAND_IN(int, ppoll, -1,
                 (pollfd * fds, nfds_t n, const timespec* timeout,
                  const sigset_t* mask),
                 (fds, n, timeout, mask))
TORNADO_STAND_IN(int, pselect, -1,
                 (int n, fd_set* r, fd_set* w, fd_set* e, const timespec* t,
                  const sigset_t* m),
                 (n, r, w, e, t, m))
TORNADO_STAND_IN(int, pthread_sigqueue, error,
                 (pthread_t thread, int signal, const sigval value),
                 (thread, signal, value))
TORNADO_STAND_IN(dirent*, readdir, nullptr, (DIR * directory), (directory))
TORNADO_STAND_IN(ssize_t, readlink, -1,
                 (const char* path, char* text, std::size_t size), (path, text, size))
TORNADO_STAND_IN(int, sched_getaffinity, -1,
                 (pid_t pid, std::size_t size, cpu_set_t* set), (pid, size, set))
TORNADO_STAND_IN(int, sigaction, -1,
                 (int signal, const struct sigaction* wanted, struct sigaction* before),
                 (signal, wanted, before))
TORNADO_STAND_IN(int, stat, -1, (const char* path, struct stat* about), (path, about))

extern "C" int __real_epoll_ctl(int e, int act, int fd, epoll_event* event);
extern "C" int __wrap_epoll_ctl(int e, int act, int fd, epoll_event* event);
extern "C" int __wrap_epoll_ctl(int e, int act, int fd, epoll_event* event) {
  tornado::faults::note_use(e);
  tornado::faults::note_use(fd);
  if (const int error = TORNADO_STRIKE("epoll_ctl")) {
    errno = error;
    return -1;
  }
  return __real_epoll_ctl(e, act, fd, event);
}

extern "C" int __real_waitid(idtype_t what, id_t id, siginfo_t* info, int options);
extern "C" int __wrap_waitid(idtype_t what, id_t id, siginfo_t* info, int options);

namespace {

constexpr auto by_descriptor = static_cast<idtype_t>(3);  // P_PIDFD

// Of a process of which an old system knows no more than its descriptor.
pid_t pid_of(int pidfd) noexcept {
  char name[64];
  std::snprintf(name, sizeof name, "/proc/self/fdinfo/%d", pidfd);
  std::FILE* const file = std::fopen(name, "re");
  int pid = -1;
  for (char line[128]; file && pid == -1 && std::fgets(line, sizeof line, file);) {
    std::sscanf(line, "Pid: %d", &pid);
  }
  if (file) std::fclose(file);
  return pid;
}

// After ECHILD the status is gone, so the child is killed and reaped here.
void take_status(idtype_t what, id_t id) noexcept {
  const int number = static_cast<int>(id);
  const pid_t pid = what == by_descriptor ? pid_of(number) : number;
  if (pid > 0) __real_kill(pid, SIGKILL);
  siginfo_t info;
  __real_waitid(what, id, &info, WEXITED | __WALL);
}

}  // namespace

extern "C" int __wrap_waitid(idtype_t what, id_t id, siginfo_t* info, int options) {
  const int error = what == by_descriptor ? TORNADO_STRIKE("waitid P_PIDFD")
                                          : TORNADO_STRIKE("waitid");
  if (error != 0) {
    if (error == ECHILD) take_status(what, id);
    errno = error;
    return -1;
  }
  return __real_waitid(what, id, info, options);
}

extern "C" pid_t __real_waitpid(pid_t pid, int* status, int options);
extern "C" pid_t __wrap_waitpid(pid_t pid, int* status, int options);
extern "C" pid_t __wrap_waitpid(pid_t pid, int* status, int options) {
  if (const int error = TORNADO_STRIKE("waitpid")) {
    if (error == ECHILD) take_status(P_PID, static_cast<id_t>(pid));
    errno = error;
    return -1;
  }
  return __real_waitpid(pid, status, options);
}

// Linux frees the number even if close() fails.
extern "C" int __real_close(int fd);
extern "C" int __wrap_close(int fd);
extern "C" int __wrap_close(int fd) {
  const int error = TORNADO_STRIKE("close");
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
  const int error = act == F_DUPFD_CLOEXEC ? TORNADO_STRIKE("fcntl F_DUPFD_CLOEXEC")
                                           : TORNADO_STRIKE("fcntl");
  if (error != 0) {
    errno = error;
    return -1;
  }
  return __real_fcntl(fd, act, argument);
}

extern "C" int __real_ioctl(int fd, unsigned long act, ...);
extern "C" int __wrap_ioctl(int fd, unsigned long act, ...);
extern "C" int __wrap_ioctl(int fd, unsigned long act, ...) {
  constexpr unsigned long pidfd_get_info = 0xc040ff0b;  // of <linux/pidfd.h>
  va_list rest;
  va_start(rest, act);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  if (act == pidfd_get_info) {
    if (const int error = TORNADO_STRIKE("ioctl PIDFD_GET_INFO")) {
      errno = error;
      return -1;
    }
  }
  return __real_ioctl(fd, act, argument);
}

extern "C" int __real_open(const char* path, int flags, ...);
extern "C" int __wrap_open(const char* path, int flags, ...);
extern "C" int __wrap_open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const unsigned mode = va_arg(rest, unsigned);
  va_end(rest);
  if (const int error = TORNADO_STRIKE("open")) {
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
  if (const int error = TORNADO_STRIKE("prctl")) {
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
  if (const int error = TORNADO_STRIKE("clone")) {
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
  if (const int error = TORNADO_STRIKE("pthread_create")) return error;
  return real(thread, attributes, body, argument);
}

#if defined(TORNADO_HAS_LIBURING)
struct io_uring;
struct io_uring_params;
struct io_uring_cqe;
struct __kernel_timespec;

TORNADO_STAND_IN(int, io_uring_queue_init_params, -error,
                 (unsigned n, io_uring* ring, io_uring_params* p), (n, ring, p))
TORNADO_STAND_IN(int, io_uring_submit, -error, (io_uring * ring), (ring))
TORNADO_STAND_IN(int, io_uring_submit_and_wait_timeout, -error,
                 (io_uring * ring, io_uring_cqe** cqe, unsigned n,
                  __kernel_timespec* time, sigset_t* mask),
                 (ring, cqe, n, time, mask))
#endif
