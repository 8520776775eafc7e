// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "support/signals.h"
#include "support/streams.h"

namespace tornado::test {

std::size_t try_write(NativeFd fd, std::size_t size) {
  const std::vector<char> bytes(size);
  ssize_t n = ::send(fd, bytes.data(), size, MSG_NOSIGNAL);
  if (n == -1 && errno == ENOTSOCK) {
    const SignalScope no_sigpipe(SIGPIPE, SIG_IGN);
    n = ::write(fd, bytes.data(), size);
  }
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

void shut_down(NativeFd socket, Direction direction) {
  (void)::shutdown(socket, direction == Direction::reading   ? SHUT_RD
                           : direction == Direction::writing ? SHUT_WR
                                                             : SHUT_RDWR);
}

}  // namespace tornado::test
