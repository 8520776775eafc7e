// SPDX-License-Identifier: Apache-2.0
// Coroutines: a pool of workers that share a queue, a call that is tried again, and an
// end in order on SIGTERM.
#include <chrono>
#include <csignal>
#include <iostream>
#include <stdexcept>
#include <string>

#include "tornado/executor.h"
#include "tornado/gen.h"
#include "tornado/queues.h"
#include "tornado/task_group.h"

using namespace std::chrono_literals;
using tornado::Task;

// Fails twice, as a busy service does.
Task<int> price_of(int item, int& failures) {
  co_await tornado::sleep(1ms);
  if (failures-- > 0) throw std::runtime_error("busy");
  co_return item * 10;
}

Task<int> with_retries(int item, int& failures) {
  for (auto pause = 1ms;; pause *= 2) {
    try {
      co_return co_await tornado::with_timeout(1s, price_of(item, failures));
    } catch (const std::runtime_error&) {
      if (pause > 100ms) throw;
    }
    co_await tornado::sleep(pause);
  }
}

Task<> worker(tornado::Queue<int>& items, int& sum, int& failures) {
  for (;;) {
    const int item = co_await items.get();
    sum += co_await with_retries(item, failures);
    items.task_done();
  }
}

Task<> serve() {
  tornado::Queue<int> items(2);  // put() waits while two are there
  int sum = 0;
  int failures = 2;
  tornado::TaskGroup workers;  // its tasks end with it
  for (int i = 0; i < 3; ++i) {
    workers.start(worker(items, sum, failures));
  }
  for (int item = 1; item <= 5; ++item) co_await items.put(item);
  co_await items.join();
  // A call that blocks has a thread of its own.
  const auto report = [](int total) { return "total " + std::to_string(total); };
  const std::string text = co_await tornado::run_in_executor(report, sum);
  std::cout << text << '\n';
}

int main() {
  tornado::IOLoop loop;
  loop.run_sync(serve());
  // Until SIGTERM, which comes in a moment.
  loop.call_later(1ms, [] { std::raise(SIGTERM); });
  const int number =
      loop.run_sync([]() -> Task<int> { co_return co_await tornado::signal(SIGTERM); });
  std::cout << "ended by signal " << number << '\n';
}
