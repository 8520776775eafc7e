// SPDX-License-Identifier: Apache-2.0
// Every suspension of every primitive is met with every way in which a task can end
// early: each scenario is played again and again, and disturbed at each of its moments.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include "support/log_capture.h"
#include "support/sanitizers.h"
#include "support/scale.h"
#include "suspension_scenarios.h"
#include "tornado/gen.h"
#include "tornado/task_group.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

/// One loop with two tasks of a scenario, and what disturbs them.
class Play {
 public:
  Play(const Scenario& scenario, std::uint64_t seed)
      : simulation_({seed}), loop_(std::make_unique<IOLoop>(simulation_.options())) {
    group_ = std::make_unique<TaskGroup>(*loop_);
    group_->start(scenario.make(simulation_));
    group_->start(scenario.make(simulation_));
  }
  Play(const Play&) = delete;
  Play& operator=(const Play&) = delete;

  void cancel() { group_->cancel(); }
  void destroy() { group_.reset(); }
  void close() { loop_->close(); }
  void fail() {
    if (group_)
      group_->start([]() -> Task<> {
        throw std::runtime_error("disturbed");
        co_return;
      });
  }
  void stop() { loop_->stop(); }
  /// The child takes the loop over, or finds that it is its parent's.
  void fork_and_take_over() {
    if (fork_here()) loop_->after_fork();
  }
  void fork_only() { (void)fork_here(); }
  void throw_from_start() {
    loop_->set_exception_policy(ExceptionPolicy::rethrow);
    loop_->add_callback([] { throw std::logic_error("left start()"); });
  }

  /// Does `act` in the turn or millisecond `when`, as a callback or as a task. False if
  /// all had ended by then.
  bool run(int when, bool by_task, std::function<void()> act) {
    bool acted = false;
    Disturbance disturbance{*this, when, act, acted};
    loop_->call_later(1h, [this] { loop_->stop(); });
    if (by_task) {
      loop_->spawn_callback(disturb(disturbance));
    } else {
      disturbance.tick();
    }
    while (!loop_->handle().closed()) {
      try {
        loop_->start();
        break;
      } catch (const std::logic_error&) {  // the disturbance
      } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), Errc::loop_forked);
        EXPECT_TRUE(is_child_);
        stopped_ = true;
        break;
      }
    }
    EXPECT_TRUE(loop_->handle().closed() || !group_ || stopped_ || group_->size() == 0);
    group_.reset();
    loop_.reset();
    EXPECT_EQ(Local::live, 0);
    if (is_child_) ::_exit(testing::Test::HasFailure() ? 1 : 0);
    if (child_ > 0) expect_that_the_child_did_well();
    return acted;
  }
  void expect_stop() { stopped_ = true; }

 private:
  static constexpr int turns = 24;

  struct Disturbance {
    Play& play;
    int when;
    std::function<void()>& act;
    bool& acted;
    int now = 0;

    bool due() {
      const bool all_ended = !play.group_ || play.group_->size() == 0;
      if (now++ < when) return false;
      acted = !all_ended;
      act();
      return true;
    }
    void tick() {
      if (due()) return;
      // First turn by turn, then, so that time goes on, by half milliseconds.
      if (now < turns) {
        play.loop_->add_callback([this] { tick(); });
      } else {
        play.loop_->call_later(500us, [this] { tick(); });
      }
    }
  };
  bool fork_here() {
    child_ = ::fork();
    is_child_ = child_ == 0;
    return is_child_;
  }
  void expect_that_the_child_did_well() const {
    int status = -1;
    EXPECT_EQ(::waitpid(child_, &status, 0), child_);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  }
  static Task<> disturb(Disturbance& it) {
    while (!it.due()) {
      if (it.now < turns) {
        co_await moment();
      } else {
        co_await sleep(500us);
      }
    }
  }

  Simulation simulation_;
  std::unique_ptr<IOLoop> loop_;
  std::unique_ptr<TaskGroup> group_;
  bool stopped_ = false;
  bool is_child_ = false;
  pid_t child_ = -1;
};

struct Act {
  const char* name;
  void (Play::*act)();
  bool stops = false;
  bool costly = false;
};
constexpr std::array acts = {
    Act{"cancel", &Play::cancel},
    Act{"destroy", &Play::destroy},
    Act{"close", &Play::close},
    Act{"fail", &Play::fail},
    Act{"stop", &Play::stop, true},
    Act{"throw", &Play::throw_from_start},
    Act{"fork", &Play::fork_only, false, true},
    Act{"fork and take over", &Play::fork_and_take_over, false, true},
};

/// A fork copies the tables of all pages, which a checker has many more of.
int step_of(const Scenario& scenario, const Act& act) {
  if (!act.costly) return 1;
  return scenario.costly || under_thread_sanitizer() || under_valgrind() ? 5 : 1;
}

/// Disturbs the scenario at each of its moments. How often it was played.
int play_all(const Scenario& scenario, const Act& act, bool by_task,
             std::uint64_t seed) {
  const int step = step_of(scenario, act);
  int plays = 0;
  bool acted = true;
  for (int when = 0; acted && when < 100; when += step, ++plays) {
    SCOPED_TRACE(std::string(scenario.name) + ", " + act.name + " at " +
                 std::to_string(when) + (by_task ? " by a task" : "") +
                 ", TORNADO_TEST_SEED=" + std::to_string(seed));
    Play play(scenario, seed);
    if (act.stops) play.expect_stop();
    acted = play.run(when, by_task, [&] { (play.*act.act)(); });
    if (testing::Test::HasFailure()) break;
  }
  return plays;
}

TEST(Suspensions, leave_nothing_behind_however_their_tasks_end) {
  const LogCapture quiet;
  int plays = 0;
  bool first = true;
  for (const std::uint64_t seed : simulation_seeds(scaled(4))) {
    for (const Scenario& scenario : suspension_scenarios()) {
      for (const Act& act : acts) {
        if (!first && (scenario.costly || act.costly)) continue;
        for (const bool by_task : {false, true}) {
          plays += play_all(scenario, act, by_task, seed);
          if (HasFailure()) return;
        }
      }
    }
    first = false;
  }
  RecordProperty("plays", plays);
  EXPECT_GT(plays, 1000);
}

}  // namespace
}  // namespace tornado::test
