// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <system_error>

namespace tornado {

/// The codes of Windows and Winsock. Each compares equal to its std::errc. The standard
/// library's own category leaves out the codes of Winsock.
const std::error_category& windows_category() noexcept;

/// GetLastError(), which returns the same as WSAGetLastError().
std::error_code last_windows_error() noexcept;
[[noreturn]] void throw_windows_error(std::string_view act);

/// Keeps the last error of the thread in its scope. Wakers call functions that set it.
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
