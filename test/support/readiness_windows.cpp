// SPDX-License-Identifier: Apache-2.0
#include <winsock2.h>

#include <array>
#include <stdexcept>

#include "support/wait.h"

namespace tornado::test {
namespace {

enum class Direction { read, write };

bool becomes(NativeFd fd, Direction direction, std::chrono::milliseconds limit) {
  fd_set wanted;
  fd_set failed;
  FD_ZERO(&wanted);
  FD_ZERO(&failed);
  FD_SET(fd, &wanted);
  FD_SET(fd, &failed);
  timeval time{static_cast<long>(limit.count() / 1000),
               static_cast<long>(limit.count() % 1000 * 1000)};
  const bool read = direction == Direction::read;
  return ::select(0, read ? &wanted : nullptr, read ? nullptr : &wanted, &failed,
                  &time) > 0;
}

}  // namespace

bool is_readable(NativeFd fd) {
  return becomes(fd, Direction::read, std::chrono::milliseconds(0));
}

bool is_writable(NativeFd fd) {
  return becomes(fd, Direction::write, std::chrono::milliseconds(0));
}

bool becomes_readable(NativeFd fd, std::chrono::milliseconds deadline) {
  return becomes(fd, Direction::read, deadline);
}

void put_byte(const UniqueFd& fd) {
  if (::send(fd.get(), "x", 1, 0) != 1) throw std::runtime_error("send failed");
}

std::string read_to_end(NativeFd fd) {
  std::string text;
  std::array<char, 4096> bytes;
  for (;;) {
    const int n = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (n == 0) return text;
    if (n > 0) {
      text.append(bytes.data(), static_cast<std::size_t>(n));
    } else if (::WSAGetLastError() != WSAEWOULDBLOCK) {
      throw std::runtime_error("recv failed");
    } else if (!becomes_readable(fd)) {
      throw std::runtime_error("no end of file came");
    }
  }
}

std::size_t fill(NativeFd fd) {
  static constexpr std::array<char, 4096> zeros{};
  std::size_t total = 0;
  int n;
  while ((n = ::send(fd, zeros.data(), zeros.size(), 0)) > 0) {
    total += static_cast<std::size_t>(n);
  }
  if (::WSAGetLastError() != WSAEWOULDBLOCK) throw std::runtime_error("send failed");
  return total;
}

std::size_t drain(NativeFd fd) {
  std::array<char, 4096> bytes;
  std::size_t total = 0;
  int n;
  while ((n = ::recv(fd, bytes.data(), bytes.size(), 0)) > 0) {
    total += static_cast<std::size_t>(n);
  }
  return total;
}

}  // namespace tornado::test
