// SPDX-License-Identifier: Apache-2.0
#include "process/wide_text_windows.h"

#include <windows.h>

#include "platform/system_error.h"

namespace tornado {
namespace {

[[noreturn]] void refuse(std::errc reason, std::string_view fault,
                         std::string_view what) {
  throw_error(std::make_error_code(reason),
              "spawn: " + std::string(fault) + " in " + std::string(what));
}

}  // namespace

std::wstring to_wide(std::string_view text, std::string_view what) {
  if (text.find('\0') != text.npos)
    refuse(std::errc::invalid_argument, "NUL byte", what);
  if (text.empty()) return {};
  constexpr std::size_t longest = 1 << 20;  // far more than Windows takes
  if (text.size() > longest) {
    refuse(std::errc::argument_list_too_long, "too much text", what);
  }
  const int size = static_cast<int>(text.size());
  const int units = ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text.data(),
                                          size, nullptr, 0);
  if (units == 0) refuse(std::errc::illegal_byte_sequence, "no UTF-8", what);
  std::wstring wide(static_cast<std::size_t>(units), L'\0');
  ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text.data(), size, wide.data(),
                        units);
  return wide;
}

std::string to_utf8(std::wstring_view text) {
  if (text.empty()) return {};
  const int units = static_cast<int>(text.size());
  const int size = ::WideCharToMultiByte(CP_UTF8, 0, text.data(), units, nullptr, 0,
                                         nullptr, nullptr);
  std::string utf8(static_cast<std::size_t>(size), '\0');
  ::WideCharToMultiByte(CP_UTF8, 0, text.data(), units, utf8.data(), size, nullptr,
                        nullptr);
  return utf8;
}

}  // namespace tornado
