// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/socket_calls.h"
#include "net/sockets.h"
#include "stream_ends.h"
#include "tornado/udp.h"

namespace tornado::test {

inline const SocketAddress any_port("127.0.0.1", 0);

/// Of loopback.
inline SocketAddress address_without_socket() {
  const UniqueFd socket = make_socket(AF_INET, SOCK_DGRAM);
  EXPECT_FALSE(bind_to(socket.get(), any_port));
  return local_address(socket.get());
}

template <class... Text>
std::vector<std::string> strings(Text... text) {
  return {text...};
}

inline std::vector<std::string> texts(DatagramBatch batch) {
  std::vector<std::string> all;
  for (const Datagram& one : batch) all.emplace_back(one.bytes);
  return all;
}

/// What sending has thrown; "" for nothing.
template <class F>
Task<std::string> failure_of(F send) {
  try {
    co_await send();
  } catch (const std::system_error& error) {
    co_return error.what();
  }
  co_return std::string();
}

inline Task<std::error_code> error_of_receive(UDPSocket& socket,
                                              std::optional<Delay> timeout = {}) {
  try {
    (void)co_await socket.receive(timeout);
  } catch (const std::system_error& error) {
    co_return error.code();
  }
  co_return std::error_code();
}

inline Task<void> expect_text(UDPSocket& from, std::string text) {
  EXPECT_EQ(texts(co_await from.receive()), strings(text));
}

inline Task<void> expect_abandoned(UDPSocket& from) {
  EXPECT_EQ(co_await error_of_receive(from), Errc::abandoned);
}

/// Two sockets with names, on each poller.
class UDPSockets : public testing::TestWithParam<PollerKind> {
 protected:
  UDPSockets() {
    first.bind(any_port);
    second.bind(any_port);
    to_first = local_address(first.fileno());
    to_second = local_address(second.fileno());
  }
  template <class F>
  void play(F body) {
    run_on(loop, std::move(body));
  }
  /// So many datagrams have arrived.
  static Task<std::vector<std::string>> gather(UDPSocket& socket, std::size_t count) {
    std::vector<std::string> all;
    while (all.size() < count) {
      for (std::string& one : texts(co_await socket.receive())) {
        all.push_back(std::move(one));
      }
    }
    co_return all;
  }

  IOLoop loop{LoopOptions{.poller = GetParam()}};
  UDPSocket first{AddressFamily::ipv4, loop};
  UDPSocket second{AddressFamily::ipv4, loop};
  SocketAddress to_first;
  SocketAddress to_second;
};

}  // namespace tornado::test
