// SPDX-License-Identifier: Apache-2.0
#include "poller/sockets_windows.h"

#include <algorithm>
#include <climits>

#include "platform/system_error.h"
#include "platform/winsock.h"

namespace tornado {

bool is_socket(NativeFd fd) noexcept {
  int type = 0;
  int size = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&type), &size) ==
         0;
}

void check_socket(const char* act, NativeFd fd) {
  use_winsock();
  if (!is_socket(fd)) {
    throw_error(std::make_error_code(std::errc::not_a_socket), act_on(act, fd));
  }
}

int to_milliseconds(std::chrono::nanoseconds timeout) noexcept {
  using std::chrono::milliseconds;
  if (timeout < timeout.zero()) return -1;
  const auto floor = std::chrono::floor<milliseconds>(timeout);
  const auto whole = floor.count() + (floor < timeout ? 1 : 0);
  return static_cast<int>(std::min<milliseconds::rep>(whole, INT_MAX));
}

void sleep_for(std::chrono::nanoseconds timeout) noexcept {
  ::Sleep(static_cast<DWORD>(to_milliseconds(timeout)));  // -1 is INFINITE
}

}  // namespace tornado
