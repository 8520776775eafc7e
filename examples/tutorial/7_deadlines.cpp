// SPDX-License-Identifier: Apache-2.0
// Step 7: work on threads, deadlines, and an end in order.

#include <tornado/tornado.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <system_error>
#include <utility>

#include "line_tasks.h"

using namespace std::chrono_literals;
using tornado::Task;
using tornado::TaskGroup;
using tornado::UniqueFd;

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
Task<std::optional<std::string>> next_of(tornado::AsyncGenerator<std::string>& lines) {
  co_return co_await lines.next();
}

Task<> serve(UniqueFd client, int& answered) {
  auto lines = lines_of(client.get());
  for (;;) {
    // A client that says nothing for a minute is left.
    const auto line = co_await tornado::with_timeout(1min, next_of(lines));
    if (!line) co_return;
    const int count = co_await tornado::run_in_executor(count_primes, std::stoi(*line));
    co_await send_all(client.get(), std::to_string(count) + '\n');
    ++answered;
  }
}
// [serve]

Task<> accept_clients(UniqueFd listener, TaskGroup& clients, int& answered) {
  for (;;) {
    while (UniqueFd client = tornado::accept_socket(listener.get())) {
      clients.start(serve(std::move(client), answered));
    }
    co_await tornado::readable(listener.get());
  }
}

// [stop]
Task<> all_of(TaskGroup& tasks) {
  co_await tasks.join();
}

Task<> run() {
  UniqueFd listener = listen_on_loopback();
  std::cout << "listening on 127.0.0.1:" << port_of(listener.get()) << std::endl;
  int answered = 0;
  TaskGroup clients(tornado::OnFailure::report);
  {
    TaskGroup accepting;
    accepting.start(accept_clients(std::move(listener), clients, answered));
    (void)co_await tornado::signal(SIGTERM);
  }
  try {
    co_await tornado::with_timeout(100ms, all_of(clients));
  } catch (const std::system_error&) {
    std::cout << "the last clients were cut off" << std::endl;
  }
  std::cout << "answered " << answered << " lines" << std::endl;
}
// [stop]

}  // namespace

int main() try {
  tornado::IOLoop loop;
  loop.run_sync(run());
} catch (const std::exception& error) {
  std::cerr << "7_deadlines: " << error.what() << std::endl;
  return 1;
}
