// SPDX-License-Identifier: Apache-2.0
// proxy HOST PORT: carries the bytes of each connection to HOST and back, until Ctrl-C.
// The end of one direction is passed on, and the other direction goes on. A reset is
// passed on as a reset, so that an answer that was cut is not taken for a whole one.
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>

#include "tornado/tornado.h"

using tornado::IOStream;
using tornado::SocketAddress;
using tornado::StreamClosedError;
using tornado::Task;

constexpr tornado::StreamOptions half_open{.half_open = true};

// Reads no more than the other side takes: write() waits for room.
Task<> copy(IOStream& from, IOStream& to) {
  try {
    for (;;) co_await to.write(co_await from.read_some_view());
  } catch (const StreamClosedError& closed) {
    if (closed.real_error() || to.closed()) throw;
  }
  co_await to.shutdown_write();
}

Task<> carry(IOStream& from, IOStream& to) {
  try {
    co_await copy(from, to);
  } catch (const StreamClosedError& broken) {
    from.abort(broken.real_error());
    to.abort(broken.real_error());
  }
}

Task<> relay(IOStream client, std::string host, std::uint16_t port) {
  IOStream server =
      co_await tornado::TCPClient().connect(host, port, {.stream = half_open});
  tornado::TaskGroup other_way;
  other_way.start(carry(server, client));
  co_await carry(client, server);
  co_await other_way.join();
}

Task<> serve(std::string host, std::uint16_t port) {
  tornado::TCPServer proxy(
      [=](IOStream client, SocketAddress) {
        return relay(std::move(client), host, port);
      },
      half_open);
  proxy.listen(0, {.address = "127.0.0.1"});
  std::cout << "listening on " << to_string(proxy.addresses().front()) << std::endl;
  co_await tornado::signal(SIGINT);
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: proxy HOST PORT" << std::endl;
    return 2;
  }
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  tornado::IOLoop().run_sync(serve(argv[1], port));
}
