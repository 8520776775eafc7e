// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>

#include "support/child.h"
#include "support/log_capture.h"
#include "tornado/fd.h"
#include "tornado/testing.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

/// Four descriptors that are ready at once, five threads that post, timeouts.
std::string story(std::uint64_t seed) {
  Simulation simulation{{.seed = seed, .patience = 0ns}};
  IOLoop loop(simulation.options({.make_current = false}));
  std::string told;
  std::vector<FdPair> pipes;
  for (char name = 'a'; name < 'e'; ++name) {
    const FdPair& pipe = pipes.emplace_back(make_pipe());
    loop.add_handler(
        pipe.first.get(),
        [&told, &loop, name](NativeFd fd, Events) {
          told += name;
          loop.remove_handler(fd);
        },
        Events::read);
    EXPECT_EQ(::write(pipe.second.get(), &name, 1), 1);
  }
  for (char name = 'A'; name < 'F'; ++name) {
    simulation.add_thread([&told, &loop, name](SimulatedThread& self) {
      for (int i = 0; i < 3; ++i) {
        loop.handle().add_callback([&told, name] { told += name; });
        self.pause(i == 1 ? 1h : 0h);
      }
    });
  }
  for (char name = '0'; name < '5'; ++name) {
    loop.call_later(1min, [&told, name] { told += name; });
  }
  loop.call_later(24h, [&loop] { loop.stop(); });
  loop.start();
  return told;
}

std::string only(const std::string& told, char first, char last) {
  std::string kept;
  std::ranges::copy_if(told, std::back_inserter(kept),
                       [&](char c) { return first <= c && c <= last; });
  return kept;
}

TEST(SeededSchedule, tells_the_same_story_100_times_of_100) {
  for (const std::uint64_t seed : {1u, 2u, 42u}) {
    const std::string first = story(seed);
    for (int again = 0; again < 100; ++again) ASSERT_EQ(story(seed), first);
  }
}

TEST(SeededSchedule, permutes_descriptors_and_posts_of_threads) {
  std::set<std::string> descriptors;
  std::set<std::string> posts;
  for (const std::uint64_t seed : simulation_seeds(400)) {
    SCOPED_TRACE(seed);
    const std::string told = story(seed);
    ASSERT_EQ(told.size(), 4U + 15U + 5U) << told;
    descriptors.insert(only(told, 'a', 'd'));
    posts.insert(only(told, 'A', 'E'));
  }
  if (std::getenv("TORNADO_TEST_SEED")) return;
  EXPECT_EQ(descriptors.size(), 24U);
  EXPECT_GT(posts.size(), 200U);
}

TEST(SeededSchedule, keeps_what_has_an_order_by_contract) {
  for (const std::uint64_t seed : simulation_seeds(50)) {
    SCOPED_TRACE(seed);
    EXPECT_EQ(only(story(seed), '0', '4'), "01234");
  }
}

TEST(SeededSchedule, is_the_order_of_adding_without_a_seed) {
  const std::string told = story(0);
  EXPECT_EQ(only(told, 'a', 'd').size(), 4U);
  EXPECT_EQ(only(told, 'A', 'E'), "ABCDEABCDEABCDE");
}

/// Two threads that read, pause, and write back what they have added to: a lost update
/// in some schedules.
int updates(std::uint64_t seed) {
  Simulation simulation{{.seed = seed, .patience = 0ns}};
  IOLoop loop(simulation.options({.make_current = false}));
  int value = 0;
  for (int i = 0; i < 2; ++i) {
    simulation.add_thread([&value](SimulatedThread& self) {
      const int read = value;
      self.pause();
      value = read + 1;
    });
  }
  loop.call_later(1s, [&loop] { loop.stop(); });
  loop.start();
  return value;
}

TEST(SeededSchedule, finds_a_race_and_its_seed_finds_it_again_100_times_of_100) {
  std::uint64_t failing = 0;
  std::set<int> results;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const int value = updates(seed);
    results.insert(value);
    if (value != 2) failing = seed;
  }
  EXPECT_EQ(results, (std::set{1, 2}));
  for (int again = 0; again < 100; ++again) ASSERT_EQ(updates(failing), 1);
}

TEST(SeededSchedule, is_of_the_one_seed_that_the_environment_names) {
  EXPECT_TRUE(passes_in_child([] {
    ::unsetenv("TORNADO_TEST_SEED");
    EXPECT_EQ(simulation_seeds(3), (std::vector<std::uint64_t>{1, 2, 3}));
    ::setenv("TORNADO_TEST_SEED", "42", 1);
    EXPECT_EQ(simulation_seeds(3), (std::vector<std::uint64_t>{42}));
    ::setenv("TORNADO_TEST_SEED", "0xffffffffffffffff", 1);
    EXPECT_EQ(simulation_seeds(3),
              (std::vector{std::numeric_limits<std::uint64_t>::max()}));
  }));
}

TEST(SimulatedThread, sleeps_in_simulated_time) {
  Simulation simulation{{.patience = 0ns}};
  IOLoop loop(simulation.options({.make_current = false}));
  const TimePoint begin = loop.time();
  simulation.add_thread([&](SimulatedThread& self) {
    self.pause(100h);
    EXPECT_EQ(simulation.now(), begin + 100h);
    loop.stop();
  });
  loop.start();
  EXPECT_EQ(loop.time(), begin + 100h);
}

TEST(SimulatedThread, throws_out_of_start) {
  Simulation simulation{{.seed = 7, .patience = 0ns}};
  IOLoop loop(simulation.options({.make_current = false}));
  simulation.add_thread([](SimulatedThread&) { throw std::runtime_error("mine"); });
  EXPECT_THROW(loop.start(), std::runtime_error);
  // It is gone, and the loop goes on.
  loop.call_later(1h, [&loop] { loop.stop(); });
  loop.start();
}

TEST(SimulatedThread, is_unwound_where_it_pauses_when_the_simulation_ends) {
  bool destroyed = false;
  bool returned = false;
  {
    Simulation simulation{{.patience = 0ns}};
    IOLoop loop(simulation.options({.make_current = false}));
    simulation.add_thread([&](SimulatedThread& self) {
      const std::shared_ptr<void> guard(nullptr, [&](void*) {
        self.pause(1h);  // and goes on at once
        destroyed = true;
      });
      loop.stop();
      self.pause();
      returned = true;
    });
    simulation.add_thread([&](SimulatedThread&) { returned = true; });
    loop.start();
    returned = false;
  }
  EXPECT_TRUE(destroyed);
  EXPECT_FALSE(returned);
}

/// Runs a loop beside a simulated thread until that thread pauses, and then ends the
/// simulation.
void end_beside(Simulation::Body body) {
  Simulation simulation{{.patience = 0ns}};
  IOLoop loop(simulation.options({.make_current = false}));
  simulation.add_thread(std::move(body));
  loop.call_later(1h, [&] { loop.stop(); });
  loop.start();
}

TEST(SimulatedThread, that_catches_every_exception_does_not_hold_up_the_end) {
  const LogCapture log;
  std::atomic<int> caught{0};
  end_beside([&](SimulatedThread& self) {
    for (;;) {
      try {
        self.pause(2h);
      } catch (...) {
        ++caught;
      }
    }
  });
  EXPECT_GT(caught, 1);
  EXPECT_TRUE(log.contains("catches every exception", LogLevel::warning));
}

TEST(SimulatedThread, that_tries_some_times_again_is_unwound_in_the_end) {
  const LogCapture log;
  bool destroyed = false;
  end_beside([&](SimulatedThread& self) {
    const std::shared_ptr<void> guard(nullptr, [&](void*) { destroyed = true; });
    for (int attempt = 0; attempt < 3; ++attempt) {
      try {
        self.pause(2h);
      } catch (...) {
      }
    }
    self.pause(2h);
    ADD_FAILURE() << "pause() returned";
  });
  EXPECT_TRUE(destroyed);
  EXPECT_EQ(log.count(LogLevel::warning), 0u);
}

}  // namespace
}  // namespace tornado::test
