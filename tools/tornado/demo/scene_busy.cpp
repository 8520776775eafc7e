// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <thread>

#include "demo/demo.h"
#include "demo/scene.h"
#include "demo/signal_source.h"
#include "system/interrupt.h"
#include "system/worker.h"

namespace tornado::cli {
namespace {

constexpr std::size_t busy_threads = 2;
constexpr int signal_number = SIGUSR1;
/// How many of its posts a thread leaves waiting, at most.
constexpr std::uint64_t window = 256;
constexpr std::chrono::microseconds between_signals{200};

class BusyScene {
 public:
  explicit BusyScene(const SceneOptions& options)
      : options_(options),
        loop_(options.loop),
        signals_(loop_, signal_number,
                 [this](TimePoint sent) { latency_.record(Clock::now() - sent); }) {}

  SceneFigures play() {
    // In the second turn, when the loop has read what woke it from its creator's post.
    loop_.add_callback([this] { loop_.add_callback([this] { begin(); }); });
    loop_.call_later(options_.length + patience, [this] { loop_.stop(); });
    {
      const StopOnInterrupt stopping(loop_);
      loop_.start();
    }
    const auto written = loop_.counters().waker.written - written_before_;
    over_ = true;
    workers_.clear();
    return figures(written);
  }

 private:
  struct alignas(64) Account {
    std::atomic<std::uint64_t> posted{0};
    std::atomic<std::uint64_t> run{0};
  };

  [[nodiscard]] bool time_is_up() const {
    return over_ || Clock::now() - began_ >= options_.length;
  }

  // The threads start on the loop, which is awake from then on.
  void begin() {
    written_before_ = loop_.counters().waker.written;
    began_ = Clock::now();
    for (std::size_t i = 0; i < busy_threads; ++i) {
      workers_.emplace_back([this, i] { post_all_the_time(i); });
    }
    workers_.emplace_back(
        [this, loop_thread = ::pthread_self(), poster = workers_.front().native()] {
          send_signals(loop_thread, poster);
        });
    keep_awake();
  }

  void keep_awake() {
    if (left_ == 0) block_signal(signal_number);
    finished_ = left_ == 0 && all_posted() == all_run();
    if (finished_) {
      loop_.stop();
    } else {
      loop_.add_callback([this] { keep_awake(); });
    }
  }

  void post_all_the_time(std::size_t thread) {
    unblock_signal(signal_number);
    Account& account = accounts_[thread];
    // As long as signals are sent, for they are sent to this thread.
    for (std::uint64_t index = 0; !(signals_sent_ && time_is_up()); ++index) {
      while (index - account.run >= window) {
        if (over_) return;
        ::sched_yield();
      }
      account.posted = index + 1;
      auto run = [this, thread, index, sent = Clock::now()] {
        ledger_.run(thread, index);
        latency_.record(Clock::now() - sent);
        ++accounts_[thread].run;
      };
      loop_.handle().add_callback(run);
    }
    // A signal on its way would be posted after the count.
    block_signal(signal_number);
    --left_;
  }

  void send_signals(pthread_t loop_thread, pthread_t poster) {
    for (bool to_loop = true; !time_is_up(); to_loop = !to_loop) {
      ::pthread_kill(to_loop ? loop_thread : poster, signal_number);
      std::this_thread::sleep_for(between_signals);
    }
    signals_sent_ = true;
  }

  [[nodiscard]] std::uint64_t all_posted() const {
    std::uint64_t sum = signals_.accepted();
    for (const auto& account : accounts_) sum += account.posted;
    return sum;
  }
  [[nodiscard]] std::uint64_t all_run() const { return ledger_.run() + signals_.ran(); }

  [[nodiscard]] SceneFigures figures(std::uint64_t written) const {
    SceneFigures f;
    f.posted = all_posted();
    f.run = all_run();
    f.twice = ledger_.twice();
    f.signals = signals_.accepted();
    f.signals_refused = signals_.refused();
    f.errno_changed = signals_.errno_changed();
    f.finished = finished_;
    f.lost = finished_ || !interrupted() ? f.posted - (f.run - f.twice) : 0;
    f.written = written;
    f.coalesced = f.posted - std::min(f.posted, f.written);
    f.took = Clock::now() - began_;
    f.latency = latency_;
    return f;
  }

  const SceneOptions options_;
  IOLoop loop_;
  SignalSource signals_;
  std::array<Account, busy_threads> accounts_;
  std::atomic<std::size_t> left_{busy_threads};
  std::atomic<bool> signals_sent_{false};
  std::atomic<bool> over_{false};
  TimePoint began_ = Clock::now();  // written before the threads start
  std::vector<Worker> workers_;

  // The loop's:
  Ledger ledger_{busy_threads};
  Histogram latency_;
  std::uint64_t written_before_ = 0;
  bool finished_ = false;
};

}  // namespace

SceneFigures play_busy(const SceneOptions& options) {
  return std::make_unique<BusyScene>(options)->play();
}

}  // namespace tornado::cli
