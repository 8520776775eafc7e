// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <winsock2.h>

#include <filesystem>
#include <fstream>

#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "support/open_numbers.h"
#include "support/wait.h"
#include "tornado/fd.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

constexpr NativeFd never_open = 0xfff0;

UniqueFd any_handle() {
  return UniqueFd(as_fd(::CreateEventW(nullptr, FALSE, FALSE, nullptr)));
}

UniqueFd any_inheritable_handle() {
  SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
  return UniqueFd(as_fd(::CreateEventW(&inherited, FALSE, FALSE, nullptr)));
}

sockaddr_in name_of(decltype(&::getsockname) ask, NativeFd fd) {
  sockaddr_in address{};
  int size = sizeof address;
  EXPECT_EQ(ask(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return address;
}

bool would_block(NativeFd fd) {
  char byte;
  return ::recv(fd, &byte, 1, 0) == SOCKET_ERROR &&
         ::WSAGetLastError() == WSAEWOULDBLOCK;
}

TEST(CloseExec, is_the_contrary_of_inheritable_on_handles) {
  const UniqueFd own = any_handle();
  EXPECT_TRUE(is_close_exec(own.get()));
  const UniqueFd given = any_inheritable_handle();
  EXPECT_FALSE(is_close_exec(given.get()));
  set_close_exec(given.get());
  DWORD flags = HANDLE_FLAG_INHERIT;
  ASSERT_TRUE(::GetHandleInformation(as_handle(given.get()), &flags));
  EXPECT_FALSE(flags & HANDLE_FLAG_INHERIT);
  set_close_exec(given.get(), false);
  EXPECT_FALSE(is_close_exec(given.get()));
}

TEST(CloseExec, can_be_set_and_cleared_on_sockets) {
  const UniqueFd fd = make_socket(AF_INET, SOCK_STREAM);
  EXPECT_TRUE(is_close_exec(fd.get()));
  set_close_exec(fd.get(), false);
  EXPECT_FALSE(is_close_exec(fd.get()));
  set_close_exec(fd.get());
  EXPECT_TRUE(is_close_exec(fd.get()));
}

TEST(CloseExec, leaves_the_other_flags_of_a_handle) {
  const UniqueFd fd = any_handle();
  ASSERT_TRUE(::SetHandleInformation(as_handle(fd.get()),
                                     HANDLE_FLAG_PROTECT_FROM_CLOSE,
                                     HANDLE_FLAG_PROTECT_FROM_CLOSE));
  set_close_exec(fd.get(), false);
  set_close_exec(fd.get());
  DWORD flags = 0;
  ASSERT_TRUE(::GetHandleInformation(as_handle(fd.get()), &flags));
  EXPECT_EQ(flags, DWORD{HANDLE_FLAG_PROTECT_FROM_CLOSE});
  ASSERT_TRUE(
      ::SetHandleInformation(as_handle(fd.get()), HANDLE_FLAG_PROTECT_FROM_CLOSE, 0));
}

TEST(CloseExec, reports_what_is_not_open_as_elsewhere) {
  std::error_code ec;
  for (const NativeFd fd : {never_open, invalid_fd, NativeFd{0}}) {
    set_close_exec(fd, ec);
    EXPECT_EQ(ec, std::errc::bad_file_descriptor) << fd;
    EXPECT_FALSE(is_close_exec(fd, ec));
    EXPECT_EQ(ec, std::errc::bad_file_descriptor) << fd;
  }
  EXPECT_THROW(set_close_exec(never_open), std::system_error);
}

TEST(CloseExec, is_not_for_the_pseudo_handles_of_this_process_and_thread) {
  std::error_code ec;
  set_close_exec(as_fd(::GetCurrentProcess()), false, ec);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
  EXPECT_EQ(try_close(as_fd(::GetCurrentThread())), std::errc::bad_file_descriptor);
}

TEST(Nonblocking, holds_for_a_socket_from_birth_and_can_be_cleared) {
  const FdPair pair = make_socket_pair();
  EXPECT_TRUE(would_block(pair.first.get()));
  set_nonblocking(pair.first.get(), false);
  ASSERT_EQ(::send(pair.second.get(), "x", 1, 0), 1);
  char byte = 0;
  EXPECT_EQ(::recv(pair.first.get(), &byte, 1, 0), 1) << "waits until it comes";
  set_nonblocking(pair.first.get());
  EXPECT_TRUE(would_block(pair.first.get()));
}

TEST(Nonblocking, is_refused_for_what_is_not_a_socket_or_not_open) {
  std::error_code ec;
  set_nonblocking(any_handle().get(), ec);
  EXPECT_EQ(ec, std::errc::not_a_socket);
  set_nonblocking(never_open, ec);
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
}

TEST(Nonblocking, is_nonblocking_is_not_supported) {
  const UniqueFd fd = make_socket(AF_INET, SOCK_STREAM);
  std::error_code ec;
  EXPECT_FALSE(is_nonblocking(fd.get(), ec));
  EXPECT_EQ(ec, std::errc::not_supported);
}

TEST(SocketPair, is_of_two_ends_that_are_connected_with_each_other) {
  const FdPair pair = make_socket_pair();
  for (const auto& [a, b] : {std::pair(pair.first.get(), pair.second.get()),
                             std::pair(pair.second.get(), pair.first.get())}) {
    const sockaddr_in own = name_of(&::getsockname, a);
    const sockaddr_in peer = name_of(&::getpeername, b);
    EXPECT_EQ(own.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    EXPECT_EQ(own.sin_port, peer.sin_port);
    EXPECT_TRUE(is_close_exec(a)) << "also the accepted one";
    ASSERT_EQ(::send(a, "x", 1, 0), 1);
    EXPECT_TRUE(becomes_readable(b));
    EXPECT_EQ(drain(b), 1u);
  }
}

TEST(SocketPair, gives_the_end_of_one_to_the_other) {
  FdPair pair = make_pipe();
  ASSERT_EQ(::send(pair.second.get(), "xy", 2, 0), 2);
  pair.second.reset();
  EXPECT_EQ(read_to_end(pair.first.get()), "xy");
}

TEST(AcceptSocket, is_empty_without_a_connection) {
  const UniqueFd listener = make_socket(AF_INET, SOCK_STREAM);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(
      ::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_FALSE(accept_socket(listener.get()));
  EXPECT_THROW((void)accept_socket(any_handle().get()), std::system_error);
}

TEST(Duplicate, of_a_socket_is_one_and_stays_when_the_first_is_closed) {
  FdPair pair = make_socket_pair();
  const UniqueFd copy = duplicate(pair.first.get());
  EXPECT_TRUE(is_close_exec(copy.get()));
  EXPECT_NE(copy.get(), pair.first.get());
  pair.first.reset();
  ASSERT_EQ(::send(pair.second.get(), "x", 1, 0), 1);
  EXPECT_TRUE(becomes_readable(copy.get()));
  EXPECT_EQ(drain(copy.get()), 1u);
}

TEST(Duplicate, of_a_handle_is_not_inheritable_though_that_is) {
  const UniqueFd event = any_inheritable_handle();
  const UniqueFd copy = duplicate(event.get());
  EXPECT_TRUE(is_close_exec(copy.get()));
  EXPECT_FALSE(is_close_exec(event.get()));
  EXPECT_THROW((void)duplicate(never_open), std::system_error);
}

TEST(OpenFile, opens_creates_and_appends_by_the_flags_of_open) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("tornado_open_" + std::to_string(::GetCurrentProcessId()));
  const std::string name = file.string();
  for (const char* text : {"ab", "cd"}) {
    const UniqueFd fd =
        open_file(name.c_str(), _O_WRONLY | _O_CREAT | _O_APPEND | _O_BINARY);
    EXPECT_TRUE(is_close_exec(fd.get()));
    DWORD written = 0;
    EXPECT_TRUE(::WriteFile(as_handle(fd.get()), text, 2, &written, nullptr));
  }
  std::ifstream in(file);
  std::string content;
  in >> content;
  EXPECT_EQ(content, "abcd");
  in.close();
  EXPECT_THROW((void)open_file(name.c_str(), _O_WRONLY | _O_CREAT | _O_EXCL),
               std::system_error);
  std::filesystem::remove(file);
  try {
    (void)open_file(name.c_str(), _O_RDONLY);
    ADD_FAILURE() << "opened a file that does not exist";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(std::string(error.what()).find("open " + name), 0u);
  }
}

TEST(TryClose, closes_sockets_and_handles_and_reports_what_is_not_open) {
  for (NativeFd fd :
       {any_handle().release(), make_socket(AF_INET, SOCK_STREAM).release()}) {
    EXPECT_FALSE(try_close(fd));
    EXPECT_FALSE(open_numbers().contains(fd));
    EXPECT_EQ(try_close(fd), std::errc::bad_file_descriptor);
  }
}

TEST(TryClose, keeps_the_last_error) {
  const NativeFd handle = any_handle().release();
  const NativeFd socket = make_socket(AF_INET, SOCK_STREAM).release();
  ::SetLastError(ERROR_CRC);
  EXPECT_FALSE(try_close(handle));
  EXPECT_FALSE(try_close(socket));
  EXPECT_TRUE(try_close(handle));
  EXPECT_EQ(::GetLastError(), DWORD{ERROR_CRC});
}

TEST(SameDescription, tells_copies_from_other_handles_or_is_not_supported) {
  const UniqueFd a = any_handle();
  const UniqueFd b = any_handle();
  const UniqueFd copy = duplicate(a.get());
  std::error_code ec;
  const bool same = same_description(a.get(), copy.get(), ec);
  if (ec) {
    EXPECT_EQ(ec, std::errc::not_supported);
  } else {
    EXPECT_TRUE(same);
  }
  EXPECT_FALSE(same_description(a.get(), b.get(), ec));
  EXPECT_FALSE(same_description(a.get(), never_open, ec));
  EXPECT_EQ(ec, std::errc::bad_file_descriptor);
}

TEST(WindowsCategory, compares_the_codes_of_Winsock_with_those_of_the_standard) {
  const std::pair<int, std::errc> pairs[] = {
      {WSAEWOULDBLOCK, std::errc::operation_would_block},
      {WSAECONNREFUSED, std::errc::connection_refused},
      {WSAECONNRESET, std::errc::connection_reset},
      {WSAEADDRINUSE, std::errc::address_in_use},
      {WSAEMFILE, std::errc::too_many_files_open},
      {WSAENOTSOCK, std::errc::not_a_socket},
      {ERROR_INVALID_HANDLE, std::errc::bad_file_descriptor},
      {ERROR_FILE_NOT_FOUND, std::errc::no_such_file_or_directory},
      {ERROR_ACCESS_DENIED, std::errc::permission_denied},
  };
  for (const auto& [code, expected] : pairs) {
    const std::error_code error(code, windows_category());
    EXPECT_EQ(error, expected) << code;
    EXPECT_FALSE(error.message().empty());
  }
  EXPECT_NE(std::error_code(ERROR_CRC, windows_category()),
            std::errc::operation_would_block);
}

}  // namespace
}  // namespace tornado::test
