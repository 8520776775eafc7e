// SPDX-License-Identifier: Apache-2.0
// No document of Microsoft describes AFD's poll. Its code and structures are those of
// the headers of ReactOS (drivers/network/afd) and of Wine (include/wine/afd.h); libuv,
// wepoll and mio wait by it, so that it will stay.
#include "poller/afd_windows.h"

#include <cwchar>
#include <limits>

#include "platform/error_windows.h"
#include "platform/fd.h"
#include "platform/system_error.h"

extern "C" NTSTATUS NTAPI NtCancelIoFileEx(HANDLE file, IO_STATUS_BLOCK* request,
                                           IO_STATUS_BLOCK* result);

namespace tornado {
namespace {

constexpr ULONG afd_poll = 0x00012024;
constexpr NTSTATUS pending = 0x00000103;
constexpr DWORD base_handle = 0x48000022;  // SIO_BASE_HANDLE, which MinGW lacks

std::error_code error_from(NTSTATUS status) noexcept {
  return {static_cast<int>(::RtlNtStatusToDosError(status)), windows_category()};
}

}  // namespace

UniqueFd open_afd(NativeFd port) {
  // What follows the device's name is of no meaning, but has to be there.
  wchar_t name[] = L"\\Device\\Afd\\Tornado";
  const auto size = static_cast<USHORT>(std::wcslen(name) * sizeof *name);
  UNICODE_STRING text{size, size, name};
  OBJECT_ATTRIBUTES attributes{};
  attributes.Length = sizeof attributes;
  attributes.ObjectName = &text;
  IO_STATUS_BLOCK result{};
  HANDLE handle = nullptr;
  const NTSTATUS status =
      ::NtCreateFile(&handle, SYNCHRONIZE, &attributes, &result, nullptr, 0,
                     FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, 0, nullptr, 0);
  if (status != 0) throw_error(error_from(status), "open \\Device\\Afd");
  UniqueFd afd(as_fd(handle));
  if (!::CreateIoCompletionPort(handle, as_handle(port), 0, 0)) {
    throw_windows_error(act_on("CreateIoCompletionPort", afd.get()));
  }
  return afd;
}

NativeFd base_socket(NativeFd socket) noexcept {
  SOCKET base = socket;
  DWORD size = 0;
  const int result = ::WSAIoctl(socket, base_handle, nullptr, 0, &base, sizeof base,
                                &size, nullptr, nullptr);
  return result == 0 ? base : socket;
}

std::error_code AfdQuestion::ask(NativeFd afd, NativeFd socket, ULONG events) noexcept {
  info_ = {};
  info_.timeout.QuadPart = (std::numeric_limits<LONGLONG>::max)();
  info_.count = 1;
  info_.sockets[0] = {as_handle(socket), events, 0};
  status_ = {};
  const NTSTATUS status =
      ::NtDeviceIoControlFile(as_handle(afd), nullptr, nullptr, this, &status_,
                              afd_poll, &info_, sizeof info_, &info_, sizeof info_);
  if (status == 0 || status == pending) return {};
  return error_from(status);
}

void AfdQuestion::cancel(NativeFd afd) noexcept {
  IO_STATUS_BLOCK result{};
  // Not found: it is answered already.
  (void)::NtCancelIoFileEx(as_handle(afd), &status_, &result);
}

ULONG AfdQuestion::answer() const noexcept {
  const bool answered = status_.Status == 0 && info_.count > 0;
  return answered ? info_.sockets[0].events : 0;
}

}  // namespace tornado
