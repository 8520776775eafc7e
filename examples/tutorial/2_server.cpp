// SPDX-License-Identifier: Apache-2.0
// Step 2: a server that sends each line back.

#include <tornado/tornado.h>

#include <iostream>
#include <memory>

#include "line_server.h"

int main() try {
  tornado::IOLoop loop;
  std::unique_ptr<LineServer> server;
  server = std::make_unique<LineServer>(
      loop, [&](LineServer::Client client, const std::string& line) {
        if (line == "quit") return loop.stop();
        server->send(client, line);
      });
  std::cout << "listening on 127.0.0.1:" << server->port() << std::endl;
  loop.start();
} catch (const std::exception& error) {
  std::cerr << "2_server: " << error.what() << std::endl;
  return 1;
}
