// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>

#include "tornado/faults.h"

namespace tornado::faults {

/// The calls that the library makes, and the errors of each.
inline constexpr std::array calls = std::to_array<FaultCall>({
    {"accept4",
     {EAGAIN, EBADF, ECONNABORTED, EINTR, EINVAL, EMFILE, ENFILE, ENOBUFS, ENOMEM,
      ENOTSOCK, EPERM, EPROTO}},
    {"access", {EACCES, EIO, ELOOP, ENOENT, ENOMEM, ENOTDIR}},
    {"bind", {EACCES, EADDRINUSE, EADDRNOTAVAIL, EBADF, EINVAL, ENOTSOCK}},
    {"clone", {EAGAIN, EINVAL, ENOMEM, ENOSPC, EPERM, EUSERS}},
    {"close", {EINTR, EIO, ENOSPC, EDQUOT}},
    {"connect",
     {EACCES, EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EALREADY, EBADF, ECONNREFUSED,
      EINPROGRESS, EINTR, EISCONN, ENETUNREACH, EPERM, ETIMEDOUT}},
    {"dup3", {EBADF, EBUSY, EINTR, EINVAL, EMFILE}},
    {"epoll_create1", {EINVAL, EMFILE, ENFILE, ENOMEM}},
    {"epoll_ctl", {EBADF, EEXIST, EINVAL, ELOOP, ENOENT, ENOMEM, ENOSPC, EPERM}},
    {"epoll_wait", {EBADF, EFAULT, EINTR, EINVAL}},
    {"eventfd", {EINVAL, EMFILE, ENFILE, ENODEV, ENOMEM}},
    {"fcntl", {EBADF, EINVAL, EPERM}},  // EACCES, EAGAIN and EINTR are for locks
    {"fcntl F_DUPFD_CLOEXEC", {EBADF, EINVAL, EMFILE}},
    {"fdopendir", {EBADF, EINVAL, ENOMEM}},
    {"fork", {EAGAIN, ENOMEM, ENOSYS}},
    {"getpeername", {EBADF, EINVAL, ENOBUFS, ENOTCONN, ENOTSOCK}},
    {"getsockname", {EBADF, EINVAL, ENOBUFS, ENOTSOCK}},
    {"getsockopt", {EBADF, EFAULT, EINVAL, ENOPROTOOPT, ENOTSOCK}},
    {"ioctl PIDFD_GET_INFO", {EINVAL, ENOTTY, EPERM, ESRCH}},
    {"io_uring_queue_init_params",
     {EFAULT, EINVAL, EMFILE, ENFILE, ENOMEM, ENOSYS, EPERM}},
    {"io_uring_submit", {EAGAIN, EBADF, EBUSY, EFAULT, EINTR, EINVAL, ENXIO}},
    {"io_uring_submit_and_wait_timeout",
     {EAGAIN, EBADF, EBUSY, EFAULT, EINTR, EINVAL, ENXIO, ETIME}},
    {"kill", {EINVAL, EPERM, ESRCH}},
    {"listen", {EADDRINUSE, EBADF, ENOTSOCK, EOPNOTSUPP}},
    {"madvise", {EACCES, EAGAIN, EBADF, EINVAL, EIO, ENOMEM, EPERM}},
    {"mmap", {EACCES, EAGAIN, EINVAL, ENFILE, ENOMEM, EPERM}},
    {"mprotect", {EACCES, EINVAL, ENOMEM}},
    {"nanosleep", {EINTR}},
    {"open",
     {EACCES, EINTR, EINVAL, EISDIR, ELOOP, EMFILE, ENAMETOOLONG, ENFILE, ENODEV,
      ENOENT, ENOMEM, ENOSPC, ENOTDIR, EPERM, EROFS}},

    {"operator new", {ENOMEM}},
    {"pipe2", {EINVAL, EMFILE, ENFILE, ENOMEM}},
    {"poll", {EFAULT, EINTR, EINVAL, ENOMEM}},
    {"ppoll", {EFAULT, EINTR, EINVAL, ENOMEM}},
    {"prctl", {EACCES, EINVAL, EPERM}},
    {"pselect", {EBADF, EINTR, EINVAL, ENOMEM}},
    {"pthread_create", {EAGAIN, EINVAL, EPERM}},
    {"pthread_sigqueue", {EAGAIN}},
    {"read", {EAGAIN, EBADF, EFAULT, EINTR, EINVAL, EIO, EISDIR, moves_one_byte}},
    {"recv",
     {EAGAIN, EBADF, ECONNREFUSED, ECONNRESET, EINTR, ENOMEM, ENOTCONN, ETIMEDOUT,
      moves_one_byte}},
    {"recvmsg",
     {EAGAIN, EBADF, ECONNREFUSED, ECONNRESET, EINTR, ENOMEM, ENOTCONN, ETIMEDOUT,
      moves_one_byte}},
    {"recvmmsg",
     {EAGAIN, EBADF, ECONNREFUSED, EINTR, EINVAL, ENOMEM, ENOSYS, EPERM,
      moves_one_byte}},
    {"readlink", {EACCES, EINVAL, EIO, ELOOP, ENOENT, ENOMEM, ENOTDIR}},
    {"readdir", {EBADF}},
    {"sched_getaffinity", {EINVAL, ESRCH}},
    {"send",
     {EACCES, EAGAIN, EBADF, ECONNRESET, EINTR, ENOBUFS, ENOMEM, ENOTCONN, EPIPE,
      moves_one_byte}},
    {"sendmsg",
     {EACCES, EAGAIN, EBADF, ECONNRESET, EINTR, ENOBUFS, ENOMEM, ENOTCONN, EPIPE,
      ETOOMANYREFS, moves_one_byte}},
    {"sendmmsg",
     {EACCES, EAGAIN, EBADF, ECONNREFUSED, EINTR, EINVAL, EIO, EMSGSIZE, ENETUNREACH,
      ENOBUFS, ENOMEM, ENOSYS, EPERM, moves_one_byte}},
    {"setsockopt", {EBADF, EFAULT, EINVAL, ENOPROTOOPT, ENOTSOCK}},
    {"shutdown", {EBADF, EINVAL, ENOTCONN, ENOTSOCK}},
    {"sigaction", {EFAULT, EINVAL}},
    {"socket",
     {EACCES, EAFNOSUPPORT, EINVAL, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPROTONOSUPPORT}},
    {"socketpair", {EAFNOSUPPORT, EMFILE, ENFILE, EOPNOTSUPP, EPROTONOSUPPORT}},
    {"stat", {EACCES, EBADF, ELOOP, ENOENT, ENOMEM, ENOTDIR, EOVERFLOW}},
    {"syscall close_range",
     {EINVAL, EMFILE, ENOMEM, ENOSYS, EOPNOTSUPP, EPERM, EUCLEAN}},
    {"syscall chdir", {EACCES, EIO, ELOOP, ENAMETOOLONG, ENOENT, ENOMEM, ENOTDIR}},
    {"syscall dup3", {EBADF, EBUSY, EINTR, EINVAL, EMFILE}},
    {"syscall epoll_pwait2", {EBADF, EFAULT, EINTR, EINVAL, ENOSYS, EPERM}},
    {"syscall execve",
     {E2BIG, EACCES, EAGAIN, EFAULT, EINVAL, EIO, ELOOP, EMFILE, ENFILE, ENOENT,
      ENOEXEC, ENOMEM, ENOTDIR, EPERM, ETXTBSY}},
    {"syscall fcntl", {EBADF, EINVAL}},
    {"syscall getdents64", {EBADF, EFAULT, EINVAL, ENOENT, ENOTDIR}},
    {"syscall kcmp", {EBADF, EINVAL, ENOSYS, EPERM, ESRCH}},
    {"syscall membarrier", {EINVAL, ENOSYS, EPERM}},
    {"syscall openat", {EACCES, EINTR, ELOOP, EMFILE, ENFILE, ENOENT, ENOMEM, ENOTDIR}},
    {"syscall pidfd_open",
     {EINVAL, EMFILE, ENFILE, ENODEV, ENOMEM, ENOSYS, EOPNOTSUPP, EPERM, ESRCH,
      EUCLEAN}},
    {"syscall pidfd_send_signal", {EBADF, EINVAL, ENOSYS, EPERM, ESRCH}},
    {"syscall prctl", {EINVAL}},
    {"syscall prlimit64", {EFAULT, EINVAL, EPERM, ESRCH}},
    {"syscall setgroups", {EFAULT, EINVAL, ENOMEM, EPERM}},
    {"syscall setpgid", {EACCES, EINVAL, EPERM, ESRCH}},
    {"syscall setpriority", {EACCES, EINVAL, EPERM, ESRCH}},
    {"syscall setresgid", {EAGAIN, EINVAL, EPERM}},
    {"syscall setresuid", {EAGAIN, EINVAL, EPERM}},
    {"syscall setsid", {EPERM}},
    {"waitid", {ECHILD, EINTR}},                  // EINVAL is for unknown options only
    {"waitid P_PIDFD", {ECHILD, EINTR, EINVAL}},  // before Linux 5.4
    {"waitpid", {ECHILD, EINTR}},                 // EINVAL is for unknown options only
    {"write",
     {EAGAIN, EBADF, EDQUOT, EFAULT, EFBIG, EINTR, EINVAL, EIO, ENOSPC, EPERM, EPIPE,
      moves_one_byte}},
    {"writev",
     {EAGAIN, EBADF, EINTR, EINVAL, EIO, ENOSPC, EPERM, EPIPE, moves_one_byte}},
});

/// The index of a name. calls.size() for an unknown name.
constexpr std::size_t call_id(std::string_view name) {
  std::size_t id = 0;
  while (id < calls.size() && calls[id].name != name) ++id;
  return id;
}

}  // namespace tornado::faults
