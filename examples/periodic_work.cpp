// SPDX-License-Identifier: Apache-2.0
// Work that is done every 20 ms. The third turn takes far too long: the ticks that it
// missed are skipped, and those after it fall on multiples of the period again.

#include <tornado/tornado.h>

#include <chrono>
#include <iostream>
#include <thread>

using namespace std::chrono_literals;

int main() {
  constexpr auto period = 20ms;
  tornado::IOLoop loop;
  const tornado::TimePoint begin = loop.time();
  int ticks = 0;
  int early = 0;

  tornado::PeriodicCallback periodic(
      loop,
      [&] {
        ++ticks;
        if (loop.time() < begin + ticks * period) ++early;
        if (ticks == 3) std::this_thread::sleep_for(4 * period);
        if (ticks == 5) loop.stop();
      },
      period);
  periodic.start();
  loop.start();

  const auto periods = (loop.time() - begin) / period;
  std::cout << ticks << " ticks in the time of "
            << (periods >= 8 ? "8 or more" : "fewer") << ", " << early << " early\n";
}
