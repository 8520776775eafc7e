// SPDX-License-Identifier: Apache-2.0
#include "tornado/platform.h"

#include "platform/system_error.h"

namespace tornado {
namespace {

void throw_if(const std::error_code& ec, std::string_view act, NativeFd fd) {
  if (ec) throw_error(ec, act_on(act, fd));
}

}  // namespace

void set_close_exec(NativeFd fd, bool on) {
  std::error_code ec;
  set_close_exec(fd, on, ec);
  throw_if(ec, "set_close_exec", fd);
}

bool is_close_exec(NativeFd fd) {
  std::error_code ec;
  const bool on = is_close_exec(fd, ec);
  throw_if(ec, "is_close_exec", fd);
  return on;
}

void set_nonblocking(NativeFd fd, bool on) {
  std::error_code ec;
  set_nonblocking(fd, on, ec);
  throw_if(ec, "set_nonblocking", fd);
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
