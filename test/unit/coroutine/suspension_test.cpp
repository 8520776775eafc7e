// SPDX-License-Identifier: Apache-2.0
// Every suspension of every primitive is met with every way in which a task can end
// early: each scenario is played again and again, and disturbed at each of its moments.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/log_capture.h"
#include "support/scale.h"
#include "tornado/async_generator.h"
#include "tornado/executor.h"
#include "tornado/gen.h"
#include "tornado/locks.h"
#include "tornado/queues.h"
#include "tornado/task_group.h"
#include "tornado/testing.h"
#include "tornado/wait_iterator.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

/// A local of a task. Its live objects are counted.
class Local {
 public:
  Local() noexcept { ++live; }
  Local(const Local&) noexcept { ++live; }
  Local& operator=(const Local&) = default;
  ~Local() { --live; }
  static inline int live = 0;
};

struct Pipe {
  Pipe() {
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  int ends[2] = {-1, -1};
};

Task<int> naps(int times) {
  const Local local;
  for (int i = 0; i < times; ++i) co_await sleep(1ms);
  co_return times;
}
Task<int> steps(int times) {
  const Local local;
  for (int i = 0; i < times; ++i) co_await moment();
  co_return times;
}

// Scenarios. Each is a task that ends by itself, and leaves nothing behind.

Task<> sleeps() {
  const Local local;
  (void)co_await naps(3);
  (void)co_await steps(3);
}
Task<> has_children() {
  const Local local;
  (void)co_await multi(naps(2), steps(2), naps(1));
  (void)co_await first_of(naps(3), steps(1));
}
Task<> has_deadlines() {
  const Local local;
  (void)co_await with_timeout(10ms, naps(2));
  bool timed_out = false;
  try {
    (void)co_await with_timeout(1ms, naps(3));
  } catch (const std::system_error& error) {
    timed_out = error.code() == Errc::timed_out;
  }
  EXPECT_TRUE(timed_out);
}
Task<> cleans_up() {
  const Local local;
  bool cancelled = false;
  try {
    (void)co_await naps(3);
  } catch (const Cancelled&) {
    cancelled = true;
  }
  (void)co_await shielded(naps(2));
  if (cancelled) co_await moment();
}
Task<> has_a_group() {
  const Local local;
  TaskGroup group;
  for (int i = 0; i < 3; ++i) {
    group.start([](int n) -> Task<> { (void)co_await naps(n); }, i);
  }
  co_await group.join();
}
Task<> reads_pipe(int fd) {
  const Local local;
  char byte = 0;
  co_await readable(fd);
  (void)!::read(fd, &byte, 1);
}
Task<> writes_pipe(int fd) {
  const Local local;
  (void)co_await naps(1);
  co_await writable(fd);
  (void)!::write(fd, "x", 1);
}
Task<> waits_for_descriptors() {
  const Local local;
  const Pipe pipe;
  (void)co_await multi(reads_pipe(pipe.ends[0]), writes_pipe(pipe.ends[1]));
}
Task<> holds(Lock& lock) {
  const Local local;
  const auto guard = co_await lock.acquire();
  (void)co_await naps(1);
}
Task<> shares_a_lock() {
  const Local local;
  Lock lock;
  (void)co_await multi(holds(lock), holds(lock), holds(lock));
}
Task<> produces(Queue<Local>& queue) {
  const Local local;
  for (int i = 0; i < 4; ++i) co_await queue.put(Local());
}
Task<> consumes(Queue<Local>& queue) {
  const Local local;
  for (int i = 0; i < 4; ++i) {
    const Local item = co_await queue.get();
    co_await moment();
    queue.task_done();
  }
}
Task<> passes_items() {
  const Local local;
  Queue<Local> queue(1);
  (void)co_await multi(produces(queue), consumes(queue));
  co_await queue.join();
}
Task<> iterates() {
  const Local local;
  std::vector<Task<int>> tasks;
  tasks.push_back(naps(2));
  tasks.push_back(steps(2));
  WaitIterator<int> results(std::move(tasks));
  while (!results.done()) (void)co_await results.next();
}

AsyncGenerator<Local> few() {
  const Local local;
  for (int i = 0; i < 3; ++i) {
    (void)co_await naps(i % 2);
    co_yield Local();
    co_await moment();
  }
}
Task<> takes_from_a_generator() {
  const Local local;
  auto items = few();
  while (const auto item = co_await items.next()) co_await moment();
}

struct Scenario {
  const char* name;
  Task<> (*make)();
};
constexpr std::array scenarios = {
    Scenario{"sleeps", sleeps},
    Scenario{"has_children", has_children},
    Scenario{"has_deadlines", has_deadlines},
    Scenario{"cleans_up", cleans_up},
    Scenario{"has_a_group", has_a_group},
    Scenario{"waits_for_descriptors", waits_for_descriptors},
    Scenario{"shares_a_lock", shares_a_lock},
    Scenario{"passes_items", passes_items},
    Scenario{"iterates", iterates},
    Scenario{"takes_from_a_generator", takes_from_a_generator},
};

/// One loop with two tasks of a scenario, and what disturbs them.
class Play {
 public:
  Play(const Scenario& scenario, std::uint64_t seed)
      : simulation_({seed}), loop_(std::make_unique<IOLoop>(simulation_.options())) {
    group_ = std::make_unique<TaskGroup>(*loop_);
    group_->start(scenario.make());
    group_->start(scenario.make());
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
      }
    }
    EXPECT_TRUE(loop_->handle().closed() || !group_ || stopped_ || group_->size() == 0);
    group_.reset();
    loop_.reset();
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
};

struct Act {
  const char* name;
  void (Play::*act)();
  bool stops;
};
constexpr std::array acts = {
    Act{"cancel", &Play::cancel, false}, Act{"destroy", &Play::destroy, false},
    Act{"close", &Play::close, false},   Act{"fail", &Play::fail, false},
    Act{"stop", &Play::stop, true},      Act{"throw", &Play::throw_from_start, false},
};

TEST(Suspensions, leave_nothing_behind_however_their_tasks_end) {
  const LogCapture quiet;
  int plays = 0;
  for (const std::uint64_t seed : simulation_seeds(scaled(4))) {
    for (const Scenario& scenario : scenarios) {
      for (const Act& act : acts) {
        for (const bool by_task : {false, true}) {
          bool acted = true;
          for (int when = 0; acted && when < 100; ++when, ++plays) {
            SCOPED_TRACE(std::string(scenario.name) + ", " + act.name + " at " +
                         std::to_string(when) + (by_task ? " by a task" : "") +
                         ", TORNADO_TEST_SEED=" + std::to_string(seed));
            Play play(scenario, seed);
            if (act.stops) play.expect_stop();
            acted = play.run(when, by_task, [&] { (play.*act.act)(); });
            ASSERT_EQ(Local::live, 0);
          }
        }
      }
    }
  }
  RecordProperty("plays", plays);
  EXPECT_GT(plays, 1000);
}

}  // namespace
}  // namespace tornado::test
