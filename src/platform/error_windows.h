// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <system_error>

namespace tornado {

/// What Windows and Winsock say, each of whose codes compares with its std::errc.
/// (The standard library's own category leaves those of Winsock out.)
const std::error_category& windows_category() noexcept;

/// GetLastError(), which WSAGetLastError() is another name of.
std::error_code last_windows_error() noexcept;
[[noreturn]] void throw_windows_error(std::string_view act);

/// For what wakers call: nobody else's error is lost.
class LastErrorKeeper {
 public:
  LastErrorKeeper() noexcept;
  ~LastErrorKeeper();
  LastErrorKeeper(const LastErrorKeeper&) = delete;
  LastErrorKeeper& operator=(const LastErrorKeeper&) = delete;

 private:
  unsigned long error_;
};

}  // namespace tornado
