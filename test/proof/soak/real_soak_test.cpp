// SPDX-License-Identifier: Apache-2.0
// Minutes of everything at once: posts, signals, children, loops and descriptors.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <future>
#include <iostream>
#include <memory>
#include <thread>
#include <vector>

#include "samples.h"
#include "tornado/fd.h"
#include "tornado/ioloop.h"
#include "tornado/periodic_callback.h"
#include "tornado/subprocess.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

class Load {
 public:
  explicit Load(std::chrono::milliseconds length) : length_(length) {
    loop_.add_signal_handler(SIGUSR1, [this](int) { ++signals; });
    every(1ms, [this] { one_pipe(); });
    every(20ms, [this] { one_child(); });
    every(length / 60, [this] { sample(); });
    every(3ms, [] { ::kill(::getpid(), SIGUSR1); });
  }

  void run() {
    std::vector<std::thread> threads;
    for (int i = 0; i < posters; ++i) {
      threads.emplace_back([this, handle = loop_.handle()] { post(handle); });
    }
    threads.emplace_back([this] { make_loops(); });
    loop_.call_later(length_, [this] { end(); });
    loop_.start();
    for (std::thread& thread : threads) thread.join();
  }

  Samples samples;
  std::uint64_t signals = 0;
  std::uint64_t pipes = 0;
  std::uint64_t children = 0;
  std::uint64_t ends = 0;
  std::uint64_t wrong_ends = 0;
  std::uint64_t heard = 0;
  std::atomic<std::uint64_t> told{0};
  std::atomic<std::uint64_t> loops{0};

 private:
  static constexpr int posters = 3;

  void every(std::chrono::milliseconds period, Callback callback) {
    periodic_.push_back(
        std::make_unique<PeriodicCallback>(loop_, std::move(callback), period));
    periodic_.back()->start();
  }

  void one_pipe() {
    auto pipe = std::make_shared<FdPair>(make_pipe());
    const NativeFd in = pipe->first.get();
    loop_.add_handler(
        in,
        [this, pipe](NativeFd fd, Events) {
          ++pipes;
          loop_.remove_handler(fd);
        },
        Events::read);
    ASSERT_EQ(::write(pipe->second.get(), "x", 1), 1);
  }

  void one_child() {
    if (children - ends >= 8) return;  // a slow machine
    ++children;
    SpawnOptions options;
    options.argv = {"/bin/sh", "-c", "cat; exit 7"};
    options.in = options.out = Subprocess::STREAM;
    auto child = std::make_shared<Subprocess>(options, loop_);
    child->communicate("some text", [this, child](const Communicated& result) {
      ++ends;
      wrong_ends += result.out != "some text" || result.status.returncode != 7;
    });
  }

  // While no child is there, whose pipes would be counted.
  void sample() {
    if (children == ends) {
      samples.take();
    } else {
      loop_.call_later(1ms, [this] { sample(); });
    }
  }

  // Waits for the loop now and then, so that what waits there is not without end.
  void post(const LoopHandle& handle) {
    while (!over_) {
      for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(handle.add_callback([this] { ++heard; }));
        ++told;
      }
      std::promise<void> answer;
      std::future<void> answered = answer.get_future();
      ASSERT_TRUE(handle.add_callback(
          [answer = std::move(answer)]() mutable { answer.set_value(); }));
      answered.get();
    }
    --posters_;
  }

  void make_loops() {
    while (!over_) {
      IOLoop loop;
      loop.call_later(100us, [&] { loop.stop(); });
      loop.start();
      ++loops;
    }
  }

  // Work that has begun ends first.
  void end() {
    over_ = true;
    periodic_.clear();
    if (children == ends && posters_ == 0) {
      loop_.stop();
    } else {
      loop_.call_later(10ms, [this] { end(); });
    }
  }

  const std::chrono::milliseconds length_;
  IOLoop loop_;
  std::vector<std::unique_ptr<PeriodicCallback>> periodic_;
  std::atomic<bool> over_{false};
  std::atomic<int> posters_{posters};
};

TEST(Soak, of_everything_at_once_leaves_nothing_behind) {
  const std::chrono::seconds length(soak_length("TORNADO_SOAK_SECONDS", 6));
  Load load(length);
  load.run();
  std::cout << load.heard << " posts, " << load.signals << " signals, " << load.pipes
            << " pipes, " << load.children << " children, " << load.loops << " loops\n";
  EXPECT_EQ(load.told, load.heard);
  EXPECT_EQ(load.ends, load.children);
  EXPECT_EQ(load.wrong_ends, 0u);
  EXPECT_GT(load.signals, 0u);
  EXPECT_GT(load.loops, 0u);
  load.samples.expect_flat(8, 300'000);
}

}  // namespace
}  // namespace tornado::test
