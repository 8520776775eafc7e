// SPDX-License-Identifier: Apache-2.0
// Step 4: a child process answers each line.

#include <tornado/tornado.h>

#include <iostream>
#include <memory>
#include <set>

#include "line_server.h"

using tornado::Communicated;
using tornado::Subprocess;

int main() try {
  tornado::IOLoop loop;
  std::unique_ptr<LineServer> server;
  std::set<std::shared_ptr<Subprocess>> children;
  // [spawn]
  const auto answer = [&](LineServer::Client client, const std::string& line) {
    const auto child =
        std::make_shared<Subprocess>(tornado::SpawnOptions{.argv = {"tr", "a-z", "A-Z"},
                                                           .in = Subprocess::STREAM,
                                                           .out = Subprocess::STREAM},
                                     loop);
    children.insert(child);
    child->communicate(line, [&, child, client](const Communicated& result) {
      server->send(client, result.out);
      children.erase(child);
    });
  };
  // [spawn]
  server = std::make_unique<LineServer>(
      loop, [&](LineServer::Client client, const std::string& line) {
        if (line == "quit") return loop.stop();
        answer(client, line);
      });
  std::cout << "listening on 127.0.0.1:" << server->port() << std::endl;
  loop.start();
} catch (const std::exception& error) {
  std::cerr << "4_children: " << error.what() << std::endl;
  return 1;
}
