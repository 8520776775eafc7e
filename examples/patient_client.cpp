// SPDX-License-Identifier: Apache-2.0
// A client with a deadline for each attempt, pauses that grow, and a deadline for all.
// The server of this program fails twice before it answers.
#include <chrono>
#include <iostream>
#include <string>

#include "tornado/tornado.h"

using namespace std::chrono_literals;
using tornado::IOStream;
using tornado::SocketAddress;
using tornado::Task;

// [ask]
Task<std::string> ask(SocketAddress server, std::string question) {
  IOStream stream = co_await tornado::TCPClient().connect(server.ip(), server.port());
  co_await stream.write(question + '\n');
  co_return co_await stream.read_until("\n", {.max_bytes = 1000});
}

Task<std::string> ask_patiently(SocketAddress server, std::string question) {
  for (auto pause = 10ms;; pause *= 2) {
    try {
      co_return co_await tornado::with_timeout(200ms, ask(server, question));
    } catch (const tornado::StreamClosedError& error) {
      std::cout << error.what() << std::endl;
    } catch (const std::system_error& error) {  // of the connection, or the deadline
      std::cout << error.code().message() << std::endl;
    }
    co_await tornado::sleep(pause);
  }
}
// [ask]

// Hangs up on the first client, is silent to the second, and answers the third.
Task<> answer(IOStream stream, int client) {
  const std::string question = co_await stream.read_until("\n");
  if (client == 2) co_await tornado::sleep(1min);
  if (client == 3) co_await stream.write("you asked: " + question);
}

Task<> run() {
  int clients = 0;
  tornado::TCPServer server([&clients](IOStream stream, SocketAddress) {
    return answer(std::move(stream), ++clients);
  });
  server.listen(0, {.address = "127.0.0.1"});
  const SocketAddress address = server.addresses().front();
  std::cout << co_await tornado::with_timeout(1min, ask_patiently(address, "why?"))
            << std::flush;
}

int main() {
  tornado::IOLoop().run_sync(run);
}
