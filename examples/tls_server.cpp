// SPDX-License-Identifier: Apache-2.0
// tls_server FILE: a server over TLS that sends each line back, until Ctrl-C. FILE has
// its certificate and key. SIGHUP reads it again; connections go on.
#include <csignal>
#include <exception>
#include <iostream>

#include "tornado/tls.h"
#include "tornado/tornado.h"

using tornado::SocketAddress;
using tornado::SSLContext;
using tornado::SSLIOStream;
using tornado::Task;

Task<> echo(SSLIOStream stream, SocketAddress) {
  for (;;) co_await stream.write(co_await stream.read_until("\n"));
}

Task<> reload_at_hangup(SSLContext context) {
  for (;;) {
    co_await tornado::signal(SIGHUP);
    try {
      context.reload();
      std::cout << "reloaded" << std::endl;
    } catch (const std::exception& error) {
      std::cout << "still the old certificate: " << error.what() << std::endl;
    }
  }
}

Task<> serve(std::string file) {
  const SSLContext context = SSLContext::for_server({.certificate_file = file});
  tornado::TCPServer server(tornado::with_tls(context, echo));
  server.listen(0, {.address = "127.0.0.1"});
  tornado::TaskGroup reloads;
  reloads.start(reload_at_hangup(context));
  std::cout << "listening on " << to_string(server.addresses().front()) << std::endl;
  co_await tornado::signal(SIGINT);
  reloads.cancel();
}

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: tls_server FILE\n";
    return 2;
  }
  tornado::IOLoop().run_sync(serve(argv[1]));
}
