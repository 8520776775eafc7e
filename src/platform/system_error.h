// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include "tornado/native.h"

namespace tornado {

inline std::error_code last_error() noexcept {
  return {errno, std::system_category()};
}

[[noreturn]] inline void throw_error(std::error_code error, std::string_view act) {
  throw std::system_error(error, std::string(act));
}
/// Takes errno.
[[noreturn]] inline void throw_errno(std::string_view act) {
  throw_error(last_error(), act);
}

/// "epoll_ctl add fd 7"
inline std::string act_on(std::string_view act, NativeFd fd) {
  return std::string(act).append(" fd ").append(std::to_string(fd));
}

/// For calls that EINTR leaves undone. Never for close.
template <class F>
auto retry_eintr(F call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

/// For code that signal handlers run.
class ErrnoKeeper {
 public:
  ErrnoKeeper() noexcept : errno_(errno) {}
  ~ErrnoKeeper() { errno = errno_; }
  ErrnoKeeper(const ErrnoKeeper&) = delete;
  ErrnoKeeper& operator=(const ErrnoKeeper&) = delete;

 private:
  int errno_;
};

}  // namespace tornado
