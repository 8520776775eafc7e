// SPDX-License-Identifier: Apache-2.0
#include "platform/wake_stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include "platform/system_error.h"

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
  retry_eintr([writer] { return ::send(writer, "", 1, MSG_NOSIGNAL); });
}

}  // namespace tornado
