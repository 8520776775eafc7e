// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>

#include "support/wait.h"

namespace tornado::test {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

bool becomes(NativeFd fd, short events, milliseconds limit) {
  const auto deadline = Steady::now() + limit;
  pollfd one{fd, events, 0};
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Steady::now());
    const auto timeout = std::max<milliseconds::rep>(left.count(), 0);
    const int n = ::poll(&one, 1, static_cast<int>(timeout));
    if (n == -1 && errno == EINTR) continue;
    return n == 1 && !(one.revents & POLLNVAL);
  }
}

}  // namespace

bool is_readable(NativeFd fd) {
  return becomes(fd, POLLIN, milliseconds(0));
}

bool is_writable(NativeFd fd) {
  return becomes(fd, POLLOUT, milliseconds(0));
}

bool becomes_readable(NativeFd fd, milliseconds deadline) {
  return becomes(fd, POLLIN, deadline);
}

void put_byte(const UniqueFd& fd) {
  if (::write(fd.get(), "x", 1) != 1) throw std::runtime_error("write failed");
}

std::string read_to_end(NativeFd fd) {
  std::string text;
  std::array<char, 4096> bytes;
  for (;;) {
    const ssize_t n = ::read(fd, bytes.data(), bytes.size());
    if (n == 0) return text;
    if (n > 0) {
      text.append(bytes.data(), static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      if (!becomes_readable(fd)) throw std::runtime_error("no end of file came");
    } else if (errno != EINTR) {
      throw std::runtime_error("read failed");
    }
  }
}

std::size_t fill(NativeFd fd) {
  static constexpr std::array<char, 4096> zeros{};
  std::size_t total = 0;
  // Single bytes at last, for a pipe takes small writes when it refuses greater ones.
  for (std::size_t size : {zeros.size(), std::size_t{1}}) {
    ssize_t n;
    while ((n = ::write(fd, zeros.data(), size)) > 0) total += static_cast<size_t>(n);
    if (errno != EAGAIN) throw std::runtime_error("fill: write failed");
  }
  return total;
}

std::size_t drain(NativeFd fd) {
  std::array<char, 4096> bytes;
  std::size_t total = 0;
  ssize_t n;
  while ((n = ::read(fd, bytes.data(), bytes.size())) > 0 ||
         (n == -1 && errno == EINTR)) {
    if (n > 0) total += static_cast<std::size_t>(n);
  }
  return total;
}

}  // namespace tornado::test
