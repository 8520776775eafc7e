// SPDX-License-Identifier: Apache-2.0
// A UDP server that sends each datagram back, until Ctrl-C.
#include <csignal>
#include <iostream>

#include "tornado/tornado.h"

using tornado::AddressFamily;
using tornado::Datagram;
using tornado::SocketAddress;
using tornado::Task;
using tornado::UDPSocket;

Task<> echo(UDPSocket socket) {
  for (;;) {
    for (const Datagram& one : co_await socket.receive()) {
      co_await socket.send_to(one.bytes, one.source);
    }
  }
}

Task<> serve() {
  UDPSocket socket(AddressFamily::ipv4);
  socket.bind(SocketAddress("127.0.0.1", 0));
  // A client that is gone ends neither the socket nor the task.
  socket.set_error_callback([](const SocketAddress& to, std::error_code error) {
    std::cout << to_string(to) << ": " << error.message() << std::endl;
  });
  std::cout << "listening on " << to_string(tornado::local_address(socket.fileno()))
            << std::endl;
  tornado::TaskGroup server;
  server.start(echo(std::move(socket)));
  co_await tornado::signal(SIGINT);
  server.cancel();
}

int main() {
  tornado::IOLoop().run_sync(serve);
}
