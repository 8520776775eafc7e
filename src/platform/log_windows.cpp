// SPDX-License-Identifier: Apache-2.0
#include <windows.h>

#include <algorithm>
#include <array>

#include "platform/log.h"

namespace tornado {

// Windows has no writev. A line longer than the buffer is cut.
void write_line_to_stderr(std::string_view label, std::string_view message) noexcept {
  std::array<char, 8192> line;
  char* end = line.data();
  for (const std::string_view piece : {label, message}) {
    const auto room = static_cast<std::size_t>(line.data() + line.size() - 1 - end);
    end = std::copy_n(piece.data(), std::min(piece.size(), room), end);
  }
  *end++ = '\n';
  DWORD written = 0;
  ::WriteFile(::GetStdHandle(STD_ERROR_HANDLE), line.data(),
              static_cast<DWORD>(end - line.data()), &written, nullptr);
}

}  // namespace tornado
