// SPDX-License-Identifier: Apache-2.0
// A server that sends each line back, until Ctrl-C.
#include <csignal>
#include <iostream>

#include "tornado/tornado.h"

using tornado::IOStream;
using tornado::SocketAddress;
using tornado::Task;

Task<> echo(IOStream stream, SocketAddress) {
  for (;;) co_await stream.write(co_await stream.read_until("\n"));
}

Task<> serve() {
  tornado::TCPServer server(echo);
  server.listen(0, {.address = "127.0.0.1"});
  std::cout << "listening on " << to_string(server.addresses().front()) << std::endl;
  co_await tornado::signal(SIGINT);
}

int main() {
  tornado::IOLoop().run_sync(serve);
}
