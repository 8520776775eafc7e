// SPDX-License-Identifier: Apache-2.0
// A call that fails is tried again, after pauses that grow.
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <stdexcept>

#include "tornado/gen.h"

using namespace std::chrono_literals;
using tornado::Task;

// Fails twice, as a busy service does.
Task<int> price_of(int item, int& failures) {
  co_await tornado::sleep(1ms);
  if (failures-- > 0) throw std::runtime_error("busy");
  co_return item * 10;
}

// Any function that makes a task can be tried again.
Task<int> with_retries(std::function<Task<int>()> call, int attempts) {
  auto pause = 1ms;
  for (int attempt = 1;; ++attempt) {
    try {
      co_return co_await tornado::with_timeout(1s, call());
    } catch (const std::runtime_error& error) {  // also of the deadline
      if (attempt == attempts) throw;
      std::cout << "attempt " << attempt << ": " << error.what() << std::endl;
    }
    co_await tornado::sleep(pause);
    pause = std::min(pause * 2, 100ms);
  }
}

Task<> shop() {
  int failures = 2;
  const auto ask = [&failures] { return price_of(7, failures); };
  const int price = co_await with_retries(ask, 5);
  std::cout << "price " << price << std::endl;
}

int main() {
  tornado::IOLoop loop;
  loop.run_sync(shop());
}
