// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <csignal>

#include "lost_wakes.h"
#include "support/scale.h"
#include "support/signals.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

class LostWakesOfSignals : public LostWakes {};

TEST_P(LostWakesOfSignals, none_of_a_signal_handler_that_posts_to_a_loop_that_sleeps) {
  static std::atomic<IOLoop*> target;
  static std::atomic<std::uint64_t> heard;
  IOLoop loop(options());
  target = &loop;
  heard = 0;
  const std::uint64_t rounds = scaled(2000);
  const SignalScope handler(SIGUSR1, [](int) {
    (void)target.load()->add_callback_from_signal([] { heard.fetch_add(1); });
  });
  Thread poster([&] {
    for (std::uint64_t i = 0; i < rounds; ++i) {
      ::raise(SIGUSR1);
      while (heard == i) std::this_thread::yield();
    }
    loop.stop();
  });
  loop.start();
  EXPECT_EQ(heard, rounds);
}

TORNADO_ON_EVERY_POLLER_AND_WAKER(LostWakesOfSignals);

}  // namespace
}  // namespace tornado::test
