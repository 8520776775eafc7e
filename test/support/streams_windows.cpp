// SPDX-License-Identifier: Apache-2.0
#include <winsock2.h>

#include <vector>

#include "support/streams.h"

namespace tornado::test {

std::size_t try_write(NativeFd fd, std::size_t size) {
  const std::vector<char> bytes(size);
  const int n = ::send(fd, bytes.data(), static_cast<int>(size), 0);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

void shut_down(NativeFd socket, Direction direction) {
  (void)::shutdown(socket, direction == Direction::reading   ? SD_RECEIVE
                           : direction == Direction::writing ? SD_SEND
                                                             : SD_BOTH);
}

}  // namespace tornado::test
