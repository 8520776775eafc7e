// SPDX-License-Identifier: Apache-2.0
// Step 3: a thread does the slow work, and wakes the loop with the result.

#include <tornado/tornado.h>

#include <cstdlib>
#include <iostream>
#include <memory>

#include "line_server.h"
#include "worker.h"

namespace {

int count_primes(int limit) {
  int primes = 0;
  for (int n = 2; n < limit; ++n) {
    bool prime = true;
    for (int d = 2; d * d <= n && prime; ++d) prime = n % d != 0;
    primes += prime;
  }
  return primes;
}

}  // namespace

int main() try {
  tornado::IOLoop loop;
  std::unique_ptr<LineServer> server;
  Worker worker;
  // [post]
  server = std::make_unique<LineServer>(
      loop, [&](LineServer::Client client, const std::string& line) {
        if (line == "quit") return loop.stop();
        const int limit = std::atoi(line.c_str());
        worker.add([&server, client, limit, handle = loop.handle()] {
          const int primes = count_primes(limit);          // on the worker's thread
          handle.add_callback([&server, client, primes] {  // on the loop's thread
            server->send(client, std::to_string(primes));
          });
        });
      });
  // [post]
  std::cout << "listening on 127.0.0.1:" << server->port() << std::endl;
  loop.start();
} catch (const std::exception& error) {
  std::cerr << "3_threads: " << error.what() << std::endl;
  return 1;
}
