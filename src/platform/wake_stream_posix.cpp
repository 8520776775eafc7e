// SPDX-License-Identifier: Apache-2.0
// The wakers that are streams: a pipe and a pair of local sockets.
#include <sys/socket.h>
#include <unistd.h>

#include "platform/system_error.h"
#include "platform/tcp_pair.h"
#include "platform/wake_mechanism.h"

namespace tornado {
namespace {

void signal_pipe(NativeFd writer) noexcept {
  retry_eintr([writer] { return ::write(writer, "", 1); });
}

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
  // A wake that is not sent is lost, and a kernel that is short of memory for one byte
  // recovers soon. But a signal handler must not stay here without a limit.
  int tries = 1000;
  while (::send(writer, "", 1, MSG_NOSIGNAL) == -1 && --tries > 0 &&
         (errno == EINTR || errno == ENOBUFS || errno == ENOMEM)) {
  }
}

}  // namespace

const WakeMechanism wake_by_pipe = {.kind = WakerKind::pipe,
                                    .name = "pipe",
                                    .open = &make_pipe,
                                    .signal = &signal_pipe,
                                    .drain = &drain_stream,
                                    .needs_reader = true};

const WakeMechanism wake_by_socketpair = {.kind = WakerKind::socketpair,
                                          .name = "socketpair",
                                          .open = &make_socket_pair,
                                          .signal = &signal_socket,
                                          .drain = &drain_stream};

const WakeMechanism wake_by_tcp_pair = {.kind = WakerKind::tcp_pair,
                                        .name = "tcp_pair",
                                        .open = &open_tcp_pair,
                                        .signal = &signal_socket,
                                        .drain = &drain_stream};

}  // namespace tornado
