// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "every_loop.h"
#include "support/deliver.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

class LoopSignals : public EveryLoop {};

TEST_P(LoopSignals, run_their_handler_on_the_loop) {
  int got = 0;
  loop.add_signal_handler(a_signal, [&](int signal) {
    got = signal;
    loop.stop();
  });
  deliver(a_signal);
  start();
  EXPECT_EQ(got, a_signal);
}

TEST_P(LoopSignals, end_the_sleep_of_the_loop) {
  loop.add_signal_handler(a_signal, [&](int) { loop.stop(); });
  Thread other([&] {
    wait_until([&] { return loop.running(); });
    deliver(a_signal);
  });
  start();
}

TEST_P(LoopSignals, reach_several_loops_at_once) {
  IOLoop second(IOLoop::Options{GetParam(), WakerKind::best, false});
  std::atomic<int> heard{0};
  loop.add_signal_handler(a_signal, [&](int) {
    ++heard;
    loop.stop();
  });
  second.add_signal_handler(a_signal, [&](int) {
    ++heard;
    second.stop();
  });
  Thread other([&] { second.start(); });
  deliver(a_signal);
  start();
  other.join();
  EXPECT_EQ(heard, 2);
  second.remove_signal_handler(a_signal);
  deliver(a_signal);
  start();
  EXPECT_EQ(heard, 3);
}

TEST_P(LoopSignals, that_cannot_be_are_refused) {
  const auto add = [&](int signal) {
    return error_of([&] { loop.add_signal_handler(signal, [](int) {}); });
  };
  for (const int signal : {0, -1, 1000}) {
    EXPECT_EQ(add(signal), std::errc::invalid_argument) << signal;
  }
  EXPECT_FALSE(add(another_signal));
  EXPECT_EQ(add(another_signal), std::errc::file_exists);
  EXPECT_NE(text_of([&] { loop.add_signal_handler(1000, [](int) {}); }).find("1000"),
            std::string::npos);
  EXPECT_NO_THROW(loop.remove_signal_handler(a_signal));
}

TEST_P(LoopSignals, are_not_heard_once_their_handler_is_removed) {
  loop.add_signal_handler(a_signal, [](int) { ADD_FAILURE(); });
  deliver(a_signal);
  loop.remove_signal_handler(a_signal);
  turn();
}

TEST_P(LoopSignals, may_remove_and_add_themselves) {
  int calls = 0;
  loop.add_signal_handler(a_signal, [&](int signal) {
    ++calls;
    loop.remove_signal_handler(signal);
    loop.add_signal_handler(signal, [&](int) {
      ++calls;
      loop.stop();
    });
    deliver(signal);
  });
  deliver(a_signal);
  start();
  EXPECT_EQ(calls, 2);
}

TORNADO_ON_EVERY_POLLER(LoopSignals);

}  // namespace
}  // namespace tornado::test
