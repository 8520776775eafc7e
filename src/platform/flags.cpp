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

void throw_if(const std::error_code& ec, std::string_view act, NativeFd fd) {
  if (ec) throw_error(ec, act_on(act, fd));
}

}  // namespace

void set_close_exec(NativeFd fd, bool on, std::error_code& ec) noexcept {
  change(fd, close_exec, on, ec);
}

void set_close_exec(NativeFd fd, bool on) {
  std::error_code ec;
  set_close_exec(fd, on, ec);
  throw_if(ec, "set_close_exec", fd);
}

bool is_close_exec(NativeFd fd, std::error_code& ec) noexcept {
  return query(fd, close_exec, ec);
}

bool is_close_exec(NativeFd fd) {
  std::error_code ec;
  const bool on = is_close_exec(fd, ec);
  throw_if(ec, "is_close_exec", fd);
  return on;
}

void set_nonblocking(NativeFd fd, bool on, std::error_code& ec) noexcept {
  change(fd, nonblocking, on, ec);
  if (!ec && query(fd, nonblocking, ec) != on && !ec) {
    ec = std::make_error_code(std::errc::not_supported);
  }
}

void set_nonblocking(NativeFd fd, bool on) {
  std::error_code ec;
  set_nonblocking(fd, on, ec);
  throw_if(ec, "set_nonblocking", fd);
}

bool is_nonblocking(NativeFd fd, std::error_code& ec) noexcept {
  return query(fd, nonblocking, ec);
}

bool is_nonblocking(NativeFd fd) {
  std::error_code ec;
  const bool on = is_nonblocking(fd, ec);
  throw_if(ec, "is_nonblocking", fd);
  return on;
}

bool same_description(NativeFd a, NativeFd b) {
  std::error_code ec;
  const bool same = same_description(a, b, ec);
  if (ec) throw_error(ec, act_on(act_on("same_description", a), b));
  return same;
}

NonblockingScope::NonblockingScope(NativeFd fd) : fd_(fd), was_(is_nonblocking(fd)) {
  if (!was_) set_nonblocking(fd_);
}

NonblockingScope::~NonblockingScope() {
  std::error_code ec;
  if (!was_) set_nonblocking(fd_, false, ec);
}

}  // namespace tornado
