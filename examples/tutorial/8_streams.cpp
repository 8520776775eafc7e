// SPDX-License-Identifier: Apache-2.0
// Step 8: the server of step 7, on streams.

#include <tornado/tornado.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <string>
#include <system_error>
#include <utility>

using namespace std::chrono_literals;
using tornado::IOStream;
using tornado::SocketAddress;
using tornado::Task;

namespace {

int count_primes(int limit) {
  int primes = 0;
  for (int n = 2; n <= limit; ++n) {
    bool prime = true;
    for (int d = 2; d * d <= n && prime; ++d) prime = n % d != 0;
    primes += prime;
  }
  return primes;
}

// [serve]
Task<> serve(IOStream client, int& answered) {
  for (;;) {
    const std::string line =
        co_await client.read_until("\n", {.max_bytes = 100, .timeout = 1min});
    const int count = co_await tornado::run_in_executor(count_primes, std::stoi(line));
    co_await client.write(std::to_string(count) + '\n');
    ++answered;
  }
}
// [serve]

// [run]
Task<> run() {
  int answered = 0;
  tornado::TCPServer server([&answered](IOStream client, SocketAddress) {
    return serve(std::move(client), answered);
  });
  server.listen(0, {.address = "127.0.0.1"});
  std::cout << "listening on " << to_string(server.addresses().front()) << std::endl;
  (void)co_await tornado::signal(SIGTERM);
  try {
    co_await tornado::with_timeout(100ms, server.drain());
  } catch (const std::system_error&) {
    std::cout << "the last clients were cut off" << std::endl;
  }
  std::cout << "answered " << answered << " lines" << std::endl;
}
// [run]

}  // namespace

int main() {
  tornado::IOLoop loop;
  loop.run_sync(run());
}
