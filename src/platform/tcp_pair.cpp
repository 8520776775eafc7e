// SPDX-License-Identifier: Apache-2.0
#include "platform/tcp_pair.h"

#include <algorithm>

#include "platform/system_error.h"

namespace tornado {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{5};
// A select of Wine has slept over a connection that was there.
constexpr std::chrono::milliseconds look_again{100};

void wait_for(Readiness readiness, NativeFd fd, Steady::time_point deadline) {
  using std::chrono::milliseconds;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Steady::now());
    if (left.count() <= 0) {
      throw_error(std::make_error_code(std::errc::timed_out), act_on("tcp_pair", fd));
    }
    if (wait_for_tcp(fd, readiness, (std::min)(left, look_again))) return;
  }
}

}  // namespace

// Any process of this machine may connect to the listener. The pair is the connection
// whose two ends name each other. Other connections are accepted and closed until it
// arrives, since a full queue would keep it out.
FdPair open_tcp_pair() {
  const auto deadline = Steady::now() + patience;
  const UniqueFd listener = listen_on_loopback();
  const TcpAddress server = own_address(listener.get());
  UniqueFd client = make_tcp_socket();
  begin_to_connect(client.get(), server);
  const TcpAddress name = own_address(client.get());
  for (;;) {
    wait_for(Readiness::accept, listener.get(), deadline);
    UniqueFd accepted = accept_socket(listener.get());
    if (!accepted || peer_address(accepted.get()) != name ||
        own_address(accepted.get()) != server) {
      continue;
    }
    wait_for(Readiness::connected, client.get(), deadline);
    if (peer_address(client.get()) != server) continue;
    send_at_once(accepted.get());
    send_at_once(client.get());
    return {std::move(accepted), std::move(client)};
  }
}

}  // namespace tornado
