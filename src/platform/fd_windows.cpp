// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <string_view>

#include "platform/error_windows.h"
#include "platform/fd.h"
#include "platform/handle_windows.h"
#include "platform/socket_hooks.h"
#include "platform/system_error.h"
#include "platform/tcp_pair.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

constexpr DWORD born_safe = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;

UniqueFd duplicate_socket(NativeFd fd) {
  WSAPROTOCOL_INFOW info{};
  if (::WSADuplicateSocketW(fd, ::GetCurrentProcessId(), &info) != 0) {
    throw_windows_error(act_on("WSADuplicateSocket", fd));
  }
  const std::string act = act_on("WSASocket of a copy of", fd);
  UniqueFd copy = adopt(::WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
                                     FROM_PROTOCOL_INFO, &info, 0, born_safe),
                        act);
  if (SocketHooks* const hooks = hooks_of(fd)) hooks->duplicated(fd, copy.get());
  return copy;
}

}  // namespace

// Sockets are handles as well, but CloseHandle leaves Winsock's part of them behind.
std::error_code try_close(NativeFd fd) noexcept {
  const LastErrorKeeper keep;
  std::error_code ec;
  (void)is_close_exec(fd, ec);
  if (ec) return ec;
  tag_descriptor(fd, nullptr);
  if (SocketHooks* const hooks = hooks_of(fd)) hooks->closing(fd);
  if (::closesocket(fd) == 0) return {};
  const int error = ::WSAGetLastError();
  if (error != WSAENOTSOCK && error != WSANOTINITIALISED) return last_windows_error();
  return ::CloseHandle(as_handle(fd)) ? std::error_code() : last_windows_error();
}

UniqueFd adopt(NativeFd fd, std::string_view act) {
  if (fd == invalid_fd) throw_windows_error(act);
  return UniqueFd(fd);
}

UniqueFd adopt_if_made(NativeFd fd) noexcept {
  return UniqueFd(fd);
}

bool is_open(NativeFd fd) noexcept {
  const LastErrorKeeper keep;
  std::error_code ec;
  (void)is_close_exec(fd, ec);
  return !ec;
}

std::uint64_t file_id(NativeFd) noexcept {
  return 1;
}

Replaced replace(NativeFd number, UniqueFd fresh) {
  return {fresh.release(), UniqueFd(number)};
}

FdPair make_pipe() {
  return open_tcp_pair();
}

FdPair make_socket_pair() {
  return open_tcp_pair();
}

UniqueFd make_system_socket(int domain, int type, int protocol) {
  use_winsock();
  UniqueFd made =
      adopt(::WSASocketW(domain, type, protocol, nullptr, 0, born_safe), "WSASocket");
  set_nonblocking(made.get());
  return made;
}

UniqueFd accept_in_system(NativeFd listener, void* peer, std::size_t& size) {
  SOCKET accepted;
  int length = 0;
  do {
    length = static_cast<int>(size);
    accepted =
        ::accept(listener, static_cast<sockaddr*>(peer), peer ? &length : nullptr);
  } while (accepted == INVALID_SOCKET && ::WSAGetLastError() == WSAECONNRESET);
  size = static_cast<std::size_t>(length);
  if (accepted == INVALID_SOCKET && ::WSAGetLastError() == WSAEWOULDBLOCK) return {};
  if (accepted == INVALID_SOCKET) throw_windows_error(act_on("accept", listener));
  UniqueFd made = adopt(accepted, "accept");
  // An accepted socket is always inheritable, and no call makes one that is not.
  set_close_exec(made.get());
  set_nonblocking(made.get());
  return made;
}

UniqueFd open_file(const char* path, int flags, unsigned mode) {
  const std::string_view text = path;
  const std::filesystem::path wide(std::u8string(text.begin(), text.end()));
  const std::string act = "open " + std::string(text);  // before there is one to lose
  return adopt(open_path(wide.c_str(), flags, mode), act);
}

UniqueFd duplicate(NativeFd fd) {
  (void)is_close_exec(fd);
  if (is_socket(fd)) return duplicate_socket(fd);
  HANDLE copy = nullptr;
  if (!::DuplicateHandle(::GetCurrentProcess(), as_handle(fd), ::GetCurrentProcess(),
                         &copy, 0, FALSE, DUPLICATE_SAME_ACCESS)) {
    throw_windows_error(act_on("DuplicateHandle", fd));
  }
  return UniqueFd(as_fd(copy));
}

}  // namespace tornado
