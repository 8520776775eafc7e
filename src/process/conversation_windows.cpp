// SPDX-License-Identifier: Apache-2.0
#include <winsock2.h>

#include <algorithm>
#include <climits>

#include "platform/error_windows.h"
#include "platform/system_error.h"
#include "process/conversation.h"

namespace tornado {
namespace {

int as_length(std::size_t size) noexcept {
  return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

// The pump that carries the other end closes it whenever the child's pipe breaks.
Transferred without_bytes(const char* act) {
  const int error = ::WSAGetLastError();
  switch (error) {
    case WSAEWOULDBLOCK:
      return {Transfer::none_now};
    case WSAECONNRESET:
    case WSAECONNABORTED:
    case WSAESHUTDOWN:
      return {Transfer::closed};
    default:
      throw_error({error, windows_category()}, act);
  }
}

}  // namespace

Transferred read_from_child(NativeFd pipe, std::span<char> bytes) {
  const int n = ::recv(pipe, bytes.data(), as_length(bytes.size()), 0);
  if (n > 0) return {Transfer::some, static_cast<std::size_t>(n)};
  if (n == 0) return {Transfer::closed};
  return without_bytes("read from child");
}

Transferred write_to_child(NativeFd pipe, std::span<const char> bytes) {
  const int n = ::send(pipe, bytes.data(), as_length(bytes.size()), 0);
  if (n >= 0) return {Transfer::some, static_cast<std::size_t>(n)};
  return without_bytes("write to child");
}

}  // namespace tornado
