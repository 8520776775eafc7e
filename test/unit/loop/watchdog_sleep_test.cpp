// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "every_loop.h"
#include "support/log_capture.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

class Watchdogs : public EveryLoop {};

std::set<std::string> threads() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    names.insert(entry.path().filename());
  }
  return names;
}

/// How often that thread of this process has gone to sleep.
std::uint64_t sleeps_of(const std::string& thread) {
  std::ifstream file("/proc/self/task/" + thread + "/status");
  for (std::string line; std::getline(file, line);) {
    const std::string_view key = "voluntary_ctxt_switches:";
    if (line.starts_with(key)) return std::stoull(line.substr(key.size()));
  }
  return 0;
}

TEST_P(Watchdogs, sleep_while_the_loop_does) {
  if (::access("/proc/self/task", R_OK) != 0) GTEST_SKIP() << "no /proc";
  const LogCapture log;
  loop.add_callback([this] { loop.stop(); });
  start();  // what a loop makes at its first run is there
  const std::set<std::string> before = threads();
  loop.set_blocking_log_threshold(1ms);
  std::string dog;
  for (const std::string& one : threads()) {
    if (!before.contains(one)) dog = one;
  }
  std::uint64_t slept = 0;
  loop.add_callback([&] { slept = sleeps_of(dog); });
  loop.call_later(300ms, [&] {
    slept = sleeps_of(dog) - slept;
    loop.stop();
  });
  start();
  EXPECT_LT(slept, 100u) << "of 300 thresholds";
  // And after that it looks again.
  loop.add_callback([&] {
    EXPECT_TRUE(wait_until([&] { return log.contains("blocked", LogLevel::warning); }));
    loop.stop();
  });
  start();
}

TORNADO_ON_EVERY_POLLER(Watchdogs);

}  // namespace
}  // namespace tornado::test
