// SPDX-License-Identifier: Apache-2.0
#include "platform/handle_windows.h"

#include <fcntl.h>

#include "platform/error_windows.h"
#include "platform/system_error.h"
#include "tornado/fd.h"

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

// Never ended: other parts of the program may use it, and the end of the process ends
// it.
void use_winsock() {
  static const int error = [] {
    WSADATA unused{};
    return ::WSAStartup(MAKEWORD(2, 2), &unused);
  }();
  if (error != 0) throw_error({error, windows_category()}, "WSAStartup");
}

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

}  // namespace tornado
