// SPDX-License-Identifier: Apache-2.0
#include <tornado/tornado.h>

#include <chrono>
#include <iostream>
#include <thread>

using namespace std::chrono_literals;

int main() {
  tornado::IOLoop loop;
  std::thread worker([&loop] {  // a wake: any thread, at any time
    loop.add_callback([&loop] {
      std::cout << "hello from the loop's own thread\n";
      loop.call_later(100ms, [&loop] { loop.stop(); });
    });
  });
  loop.start();
  worker.join();
}
