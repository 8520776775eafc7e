// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/system_error.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

/// One bit of what F_GETFD or F_GETFL says.
struct Flag {
  int get;
  int set;
  int bit;
};
constexpr Flag close_exec = {F_GETFD, F_SETFD, FD_CLOEXEC};
constexpr Flag nonblocking = {F_GETFL, F_SETFL, O_NONBLOCK};

bool query(NativeFd fd, const Flag& flag, std::error_code& ec) noexcept {
  const int flags = ::fcntl(fd, flag.get);
  ec = flags == -1 ? last_error() : std::error_code();
  return flags != -1 && (flags & flag.bit) != 0;
}

void change(NativeFd fd, const Flag& flag, bool on, std::error_code& ec) noexcept {
  ec.clear();
  const int old = ::fcntl(fd, flag.get);
  const int wanted = on ? old | flag.bit : old & ~flag.bit;
  if (old == -1 || (wanted != old && ::fcntl(fd, flag.set, wanted) == -1)) {
    ec = last_error();
  }
}

#ifdef SYS_kcmp
#ifndef KCMP_FILE  // FreeBSD has another number, and defines it in <unistd.h>
#define KCMP_FILE 0
#endif

bool compare_descriptions(NativeFd a, NativeFd b, std::error_code& ec) noexcept {
  constexpr int f_dupfd_query = 1024 + 3;  // <linux/fcntl.h> of 6.10 and later
  if (const int same = ::fcntl(a, f_dupfd_query, b); same != -1) return same == 1;
  const pid_t self = ::getpid();
  const long order = ::syscall(SYS_kcmp, self, self, KCMP_FILE, a, b);
  if (order == -1) ec = std::make_error_code(std::errc::not_supported);
  return order == 0;
}
#else
bool compare_descriptions(NativeFd, NativeFd, std::error_code& ec) noexcept {
  ec = std::make_error_code(std::errc::not_supported);
  return false;
}
#endif

}  // namespace

void set_close_exec(NativeFd fd, bool on, std::error_code& ec) noexcept {
  change(fd, close_exec, on, ec);
}

bool is_close_exec(NativeFd fd, std::error_code& ec) noexcept {
  return query(fd, close_exec, ec);
}

void set_nonblocking(NativeFd fd, bool on, std::error_code& ec) noexcept {
  change(fd, nonblocking, on, ec);
  if (!ec && query(fd, nonblocking, ec) != on && !ec) {
    ec = std::make_error_code(std::errc::not_supported);
  }
}

bool is_nonblocking(NativeFd fd, std::error_code& ec) noexcept {
  return query(fd, nonblocking, ec);
}

bool same_description(NativeFd a, NativeFd b, std::error_code& ec) noexcept {
  ec.clear();
  // First, since kernels without F_DUPFD_QUERY answer EINVAL for any `b`.
  if (::fcntl(a, F_GETFD) == -1 || ::fcntl(b, F_GETFD) == -1) {
    ec = last_error();
    return false;
  }
  return compare_descriptions(a, b, ec);
}

}  // namespace tornado
