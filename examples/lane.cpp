// SPDX-License-Identifier: Apache-2.0
// A thread that posts a million callbacks has a way into the loop of its own: no lock,
// and an order among its own callbacks only.

#include <tornado/tornado.h>

#include <cstdint>
#include <iostream>
#include <thread>

int main() {
  using tornado::Lane;
  constexpr std::uint64_t posts = 1'000'000;
  tornado::IOLoop loop;
  std::uint64_t sum = 0;
  std::thread poster([&sum, &loop, handle = loop.handle()] {
    Lane lane = handle.open_lane();
    for (std::uint64_t i = 1; i <= posts; ++i) {
      lane.add_callback([&sum, i] { sum += i; });
    }
    lane.add_callback([&loop] { loop.stop(); });
  });
  loop.start();
  poster.join();
  std::cout << posts << " callbacks, sum " << sum << "\n";
}
