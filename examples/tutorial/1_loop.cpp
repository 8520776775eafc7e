// SPDX-License-Identifier: Apache-2.0
// Step 1: a loop, a timer, and an end.

#include <tornado/tornado.h>

#include <chrono>
#include <iostream>

using namespace std::chrono_literals;

int main() {
  tornado::IOLoop loop;
  int left = 3;
  tornado::PeriodicCallback countdown(
      loop,
      [&] {
        std::cout << left << std::endl;
        if (--left == 0) loop.stop();
      },
      50ms);
  countdown.start();
  loop.start();  // returns after stop()
  std::cout << "stopped" << std::endl;
}
