// SPDX-License-Identifier: Apache-2.0
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <random>

#include "demo/demo.h"
#include "demo/scene.h"
#include "demo/signal_source.h"
#include "system/interrupt.h"
#include "system/worker.h"

namespace tornado::cli {
namespace {

constexpr std::size_t asleep_threads = 3;

// ThreadSanitizer holds a handler back for as long as its thread is in a system call
// that it does not know, such as a loop's sleep.
#if defined(__SANITIZE_THREAD__)
#define TORNADO_THREAD_SANITIZER 1
#elif defined(__has_feature)
#define TORNADO_THREAD_SANITIZER __has_feature(thread_sanitizer)
#else
#define TORNADO_THREAD_SANITIZER 0
#endif
constexpr bool sleepers_get_signals = TORNADO_THREAD_SANITIZER == 0;

void spin_for(std::chrono::nanoseconds time) {
  const TimePoint end = Clock::now() + time;
  while (Clock::now() < end) {
  }
}

void set_alarm(std::chrono::microseconds in) {
  itimerval once = {};
  once.it_value.tv_usec = in.count();
  ::setitimer(ITIMER_REAL, &once, nullptr);
}

class AsleepScene {
 public:
  explicit AsleepScene(const SceneOptions& options)
      : options_(options),
        loop_(options.loop),
        signals_(loop_, SIGALRM, [this](TimePoint sent) { one_ran(sent); }) {}

  SceneFigures play() {
    loop_.add_callback([this] {
      written_before_ = loop_.counters().waker.written;
      began_ = round_began_ = Clock::now();
      begin_round();
    });
    loop_.call_later(options_.length + patience, [this] { loop_.stop(); });
    {
      std::vector<Worker> workers;
      for (std::size_t i = 0; i < asleep_threads; ++i) {
        workers.emplace_back([this, i] { post_each_round(i); });
      }
      const StopOnInterrupt stopping(loop_);
      loop_.start();
      set_alarm({});
      over_ = true;
      ++round_;
      round_.notify_all();
    }
    return figures();
  }

 private:
  void begin_round() {
    const TimePoint now = Clock::now();
    // Only the timer that guards against a lost wake has ended this sleep.
    stuck_ = now - round_began_ >= patience / 2;
    finished_ = !stuck_ && now - began_ >= options_.length;
    if (stuck_ || finished_) {
      loop_.stop();
      return;
    }
    round_began_ = now;
    left_ = asleep_threads + 1;
    ++round_;
    round_.notify_all();
    if (sleepers_get_signals) {
      set_alarm(std::chrono::microseconds(10 + random_() % 90));
    }
  }

  void post_each_round(std::size_t thread) {
    std::minstd_rand random(static_cast<unsigned>(thread) + 1);
    const bool signals = !sleepers_get_signals && thread == 0;
    if (signals) unblock_signal(SIGALRM);
    for (std::uint64_t seen = 0;;) {
      round_.wait(seen);
      seen = round_;
      if (over_) return;
      spin_for(std::chrono::nanoseconds(random() % 20'000));
      auto run = [this, thread, index = posted_[thread]++, sent = Clock::now()] {
        ledger_.run(thread, index);
        one_ran(sent);
      };
      loop_.handle().add_callback(run);
      if (signals) ::raise(SIGALRM);
    }
  }

  void one_ran(TimePoint sent) {
    latency_.record(Clock::now() - sent);
    if (--left_ == 0) begin_round();
  }

  [[nodiscard]] SceneFigures figures() const {
    SceneFigures f;
    f.signals = signals_.accepted();
    f.signals_refused = signals_.refused();
    f.errno_changed = signals_.errno_changed();
    f.posted = f.signals;
    for (const auto n : posted_) f.posted += n;
    f.run = ledger_.run() + signals_.ran();
    f.twice = ledger_.twice();
    f.finished = finished_;
    // After Ctrl-C the round was not awaited.
    f.lost = finished_ || !interrupted() ? f.posted - (f.run - f.twice) : 0;
    if (stuck_) ++f.lost;
    f.written = loop_.counters().waker.written - written_before_;
    f.coalesced = f.posted - std::min(f.posted, f.written);
    f.took = Clock::now() - began_;
    f.latency = latency_;
    return f;
  }

  const SceneOptions options_;
  IOLoop loop_;
  SignalSource signals_;
  std::atomic<std::uint64_t> round_{0};
  std::atomic<bool> over_{false};
  // Each is one thread's until it is joined.
  std::array<std::size_t, asleep_threads> posted_{};

  // The loop's:
  Ledger ledger_{asleep_threads};
  Histogram latency_;
  std::uint64_t written_before_ = 0;
  TimePoint began_ = Clock::now();
  TimePoint round_began_ = began_;
  std::minstd_rand random_;
  std::size_t left_ = 0;
  bool finished_ = false;
  bool stuck_ = false;
};

}  // namespace

SceneFigures play_asleep(const SceneOptions& options) {
  return std::make_unique<AsleepScene>(options)->play();
}

}  // namespace tornado::cli
