// SPDX-License-Identifier: Apache-2.0
// A thread that posts a million callbacks uses a CallbackProducer: no lock,
// and an order among its own callbacks alone.

#include <tornado/tornado.h>

#include <cstdint>
#include <iostream>
#include <thread>

int main() {
  using tornado::CallbackProducer;
  constexpr std::uint64_t posts = 1'000'000;
  tornado::IOLoop loop;
  std::uint64_t sum = 0;
  std::thread poster([&sum, &loop, handle = loop.handle()] {
    CallbackProducer producer = handle.make_producer();
    for (std::uint64_t i = 1; i <= posts; ++i) {
      producer.add_callback([&sum, i] { sum += i; });
    }
    producer.add_callback([&loop] { loop.stop(); });
  });
  loop.start();
  poster.join();
  std::cout << posts << " callbacks, sum " << sum << "\n";
}
