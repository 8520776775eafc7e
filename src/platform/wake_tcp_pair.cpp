// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>

#include "platform/system_error.h"
#include "platform/wake_mechanism.h"
#include "platform/wake_stream.h"

namespace tornado {
namespace {

using Address = sockaddr_in;
using AddressCall = int (*)(int, sockaddr*, socklen_t*);
using Steady = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{5};

Address address(AddressCall call, NativeFd fd, std::string_view act) {
  Address result{};
  socklen_t size = sizeof result;
  if (call(fd, reinterpret_cast<sockaddr*>(&result), &size) == -1) {
    throw_errno(act_on(act, fd));
  }
  return result;
}

bool equal(const Address& a, const Address& b) noexcept {
  return a.sin_family == b.sin_family && a.sin_port == b.sin_port &&
         a.sin_addr.s_addr == b.sin_addr.s_addr;
}

/// Without SO_REUSEADDR and SO_REUSEPORT nobody can bind to the same port.
UniqueFd listen_on_loopback() {
  UniqueFd listener = make_socket(AF_INET, SOCK_STREAM);
  Address any_port{};
  any_port.sin_family = AF_INET;
  any_port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&any_port), sizeof any_port) ==
      -1) {
    throw_errno("bind 127.0.0.1");
  }
  if (::listen(listener.get(), 16) == -1) throw_errno("listen 127.0.0.1");
  return listener;
}

void connect_to(NativeFd fd, const Address& server) {
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) == -1 &&
      errno != EINPROGRESS && errno != EINTR) {
    throw_errno(act_on("connect 127.0.0.1", fd));
  }
}

void wait_for_a_connection(NativeFd fd, Steady::time_point deadline) {
  using std::chrono::milliseconds;
  pollfd one{fd, POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Steady::now());
    if (left.count() <= 0) {
      throw_error(std::make_error_code(std::errc::timed_out), act_on("tcp_pair", fd));
    }
    const int n = ::poll(&one, 1, static_cast<int>(left.count()));
    if (n > 0) return;
    if (n == -1 && errno != EINTR) throw_errno(act_on("poll", fd));
  }
}

void send_at_once(NativeFd fd) {
  const int on = 1;
  if (::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == -1) {
    throw_errno(act_on("TCP_NODELAY", fd));
  }
}

/// Any process of this machine may connect to the listener: it takes only the
/// connection whose two ends say the same of each other as ours. Strangers are taken
/// off the queue until ours comes, since a full one keeps ours out.
FdPair open_tcp_pair() {
  const auto deadline = Steady::now() + patience;
  UniqueFd listener = listen_on_loopback();
  const Address server = address(&::getsockname, listener.get(), "getsockname");
  UniqueFd writer = make_socket(AF_INET, SOCK_STREAM);
  connect_to(writer.get(), server);
  const Address client = address(&::getsockname, writer.get(), "getsockname");
  for (;;) {
    wait_for_a_connection(listener.get(), deadline);
    UniqueFd reader = accept_socket(listener.get());
    if (!reader) continue;
    Address peer{};
    socklen_t size = sizeof peer;
    // A stranger may have gone again, so that it has no name.
    if (::getpeername(reader.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
        equal(peer, client) &&
        equal(address(&::getsockname, reader.get(), "getsockname"), server) &&
        equal(address(&::getpeername, writer.get(), "getpeername"), server)) {
      send_at_once(writer.get());
      return {std::move(reader), std::move(writer)};
    }
  }
}

}  // namespace

const WakeMechanism wake_by_tcp_pair = {WakerKind::tcp_pair, "tcp_pair", &open_tcp_pair,
                                        &signal_socket, &drain_stream};

}  // namespace tornado
