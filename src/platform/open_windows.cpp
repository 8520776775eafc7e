// SPDX-License-Identifier: Apache-2.0
#include "platform/open_windows.h"

#include <fcntl.h>

#include <filesystem>
#include <string_view>

#include "platform/descriptors.h"
#include "platform/winsock.h"

namespace tornado {
namespace {

constexpr int access_mode = _O_RDONLY | _O_WRONLY | _O_RDWR;
constexpr int known_flags = access_mode | _O_APPEND | _O_CREAT | _O_TRUNC | _O_EXCL |
                            _O_TEXT | _O_BINARY | _O_NOINHERIT;

// Without the right to write elsewhere, each write goes to the end, in one step.
DWORD access_for(int flags) noexcept {
  const DWORD write = flags & _O_APPEND
                          ? DWORD{FILE_GENERIC_WRITE} & ~DWORD{FILE_WRITE_DATA}
                          : DWORD{FILE_GENERIC_WRITE};
  switch (flags & access_mode) {
    case _O_RDONLY:
      return FILE_GENERIC_READ;
    case _O_WRONLY:
      return write;
    default:
      return FILE_GENERIC_READ | write;
  }
}

DWORD disposition_for(int flags) noexcept {
  if (flags & _O_CREAT) {
    if (flags & _O_EXCL) return CREATE_NEW;
    return flags & _O_TRUNC ? CREATE_ALWAYS : OPEN_ALWAYS;
  }
  return flags & _O_TRUNC ? TRUNCATE_EXISTING : OPEN_EXISTING;
}

}  // namespace

NativeFd open_path(const wchar_t* path, int flags, unsigned mode) noexcept {
  constexpr unsigned owner_may_write = 0200;
  if (flags & ~known_flags) {
    ::SetLastError(ERROR_INVALID_PARAMETER);
    return invalid_fd;
  }
  return as_fd(::CreateFileW(
      path, access_for(flags), FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
      nullptr, disposition_for(flags),
      mode & owner_may_write ? FILE_ATTRIBUTE_NORMAL : FILE_ATTRIBUTE_READONLY,
      nullptr));
}

UniqueFd open_file(const char* path, int flags, unsigned mode) {
  const std::string_view text = path;
  const std::filesystem::path wide(std::u8string(text.begin(), text.end()));
  const std::string act = "open " + std::string(text);  // before there is one to lose
  return adopt(open_path(wide.c_str(), flags, mode), act);
}

}  // namespace tornado
