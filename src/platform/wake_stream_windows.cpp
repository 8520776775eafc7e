// SPDX-License-Identifier: Apache-2.0
#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/tcp_pair.h"
#include "platform/wake_mechanism.h"

namespace tornado {
namespace {

// Wine reports WSAEWOULDBLOCK or WSAENOBUFS while another thread sends on the socket.
// To take this for a full buffer would lose a wake. Only writes from outside fill the
// buffer, and then signal_socket() takes a tenth of a second.
void wait_for_others(int failures) noexcept {
  constexpr int yields = 200;
  if (failures <= yields) {
    ::SwitchToThread();
  } else {
    ::Sleep(1);
  }
}

bool drain_stream(NativeFd reader) noexcept {
  const LastErrorKeeper keep;
  char bytes[4096];
  for (;;) {
    const int n = ::recv(reader, bytes, sizeof bytes, 0);
    if (n > 0) continue;
    return n != 0 && ::WSAGetLastError() == WSAEWOULDBLOCK;
  }
}

void signal_socket(NativeFd writer) noexcept {
  const LastErrorKeeper keep;
  // A system without memory for one byte will have some again.
  for (int failures = 1; failures < 300; ++failures) {
    if (::send(writer, "", 1, 0) != SOCKET_ERROR) return;
    const int error = ::WSAGetLastError();
    if (error != WSAEWOULDBLOCK && error != WSAENOBUFS) return;
    wait_for_others(failures);
  }
}

}  // namespace

const WakeMechanism wake_by_tcp_pair = {.kind = WakerKind::tcp_pair,
                                        .name = "tcp_pair",
                                        .open = &open_tcp_pair,
                                        .signal = &signal_socket,
                                        .drain = &drain_stream};

}  // namespace tornado
