// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

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

}  // namespace tornado
