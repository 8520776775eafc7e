// SPDX-License-Identifier: Apache-2.0
// tls_client HOST PORT [FILE]: sends a line over TLS and prints the answer. It verifies
// that the server is HOST, by the authorities in FILE, or by those of the system.
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>

#include "tornado/tls.h"
#include "tornado/tornado.h"

using tornado::SSLContext;
using tornado::SSLIOStream;
using tornado::Task;
using namespace std::chrono_literals;

Task<std::string> ask(std::string host, std::uint16_t port, std::string authorities) {
  const SSLContext context = SSLContext::for_client({.ca_file = authorities});
  tornado::TCPClient client;
  const tornado::ConnectOptions options{.timeout = 10s};
  SSLIOStream stream = co_await connect_tls(client, host, port, context, options);
  stream.write("hello\n");
  std::string answer = co_await stream.read_until("\n", {.timeout = 10s});
  stream.close();
  co_return answer;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: tls_client HOST PORT [FILE]\n";
    return 2;
  }
  try {
    const auto port = static_cast<std::uint16_t>(std::stoi(argv[2]));
    tornado::IOLoop loop;
    std::cout << loop.run_sync(ask(argv[1], port, argc > 3 ? argv[3] : ""));
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
