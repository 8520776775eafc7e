// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <unistd.h>

#include "platform/system_error.h"
#include "platform/wake_stream.h"

namespace tornado {

bool drain_stream(NativeFd reader) noexcept {
  char bytes[4096];
  for (;;) {
    const ssize_t n = ::read(reader, bytes, sizeof bytes);
    if (n > 0) continue;
    if (n == 0) return false;
    if (errno != EINTR) return errno == EAGAIN || errno == EWOULDBLOCK;
  }
}

void signal_socket(NativeFd writer) noexcept {
  // A kernel without memory for one byte will have some again; a wake that is not sent
  // is lost. But no handler of a signal may stay here for ever.
  int tries = 1000;
  while (::send(writer, "", 1, MSG_NOSIGNAL) == -1 && --tries > 0 &&
         (errno == EINTR || errno == ENOBUFS || errno == ENOMEM)) {
  }
}

}  // namespace tornado
