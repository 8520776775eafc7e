// SPDX-License-Identifier: Apache-2.0
// What happens to the tasks that wait for a lock or a queue, in every order within one
// turn of the loop, with the permits and the items counted at the end.

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "wait_scenes.h"

namespace tornado::test {
namespace {

constexpr auto deadline = 10ms;

/// A loop, a scene in it, and tasks that wait.
class Trial {
 public:
  using MakeScene = std::function<std::unique_ptr<Scene>()>;

  Trial(const MakeScene& make, std::size_t count, Delay timeout) : scene_(make()) {
    Item::doubled = 0;
    for (std::size_t i = 0; i < count; ++i) {
      waiters_.push_back(std::make_unique<Waiter>(*loop_));
      begin(*waiters_.back(), timeout);
    }
  }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;
  ~Trial() { waiters_.clear(); }

  void choose() {
    if (!scene_alive_) return;
    scene_->choose();
    ++chosen_;
  }
  void cancel(std::size_t i) {
    if (waiters_[i]->group) waiters_[i]->group->cancel();
  }
  void destroy_task(std::size_t i) { waiters_[i]->group.reset(); }
  void destroy_scene() {
    if (!scene_alive_) return;
    scene_->destroy();
    scene_alive_ = false;
  }
  void close() { loop_->close(); }

  /// Before the timeouts of that turn.
  void at(Delay delay, std::function<void()> turn) {
    loop_->call_later(delay, std::move(turn));
  }
  /// When the timeouts of that turn have run, and no task since.
  void behind_timeouts(std::function<void()> turn) {
    loop_->call_later(1ms, [this, turn = std::move(turn)] {
      loop_->call_later(deadline - 1ms, turn);
    });
  }
  void play() {
    loop_->call_later(1h, [this] { loop_->stop(); });
    loop_->start();
  }
  void check() {
    int served = 0;
    for (const auto& waiter : waiters_) served += waiter->served;
    waiters_.clear();
    scene_->check(chosen_, served);
    scene_.reset();
    EXPECT_EQ(Item::live, 0);
    EXPECT_EQ(Item::doubled, 0);
  }

 private:
  void begin(Waiter& waiter, Delay timeout) {
    waiter.group->start(
        [this, &waiter](Delay limit) -> Task<> {
          try {
            co_await scene_->wait(waiter, limit);
          } catch (const std::system_error& error) {
            const bool known = error.code() == Errc::timed_out ||
                               error.code() == Errc::abandoned ||
                               error.code() == Errc::channel_closed;
            EXPECT_TRUE(known) << error.what();
            ++waiter.failed;
          }
        },
        timeout);
  }

  Simulation simulation_;
  std::unique_ptr<IOLoop> loop_ = std::make_unique<IOLoop>(simulation_.options());
  std::unique_ptr<Scene> scene_;
  std::vector<std::unique_ptr<Waiter>> waiters_;
  bool scene_alive_ = true;
  int chosen_ = 0;
};

template <class S>
std::unique_ptr<Scene> make_scene() {
  return std::make_unique<S>();
}
struct Kind {
  const char* name;
  std::unique_ptr<Scene> (*make)();
};

class WaitOrders : public testing::TestWithParam<Kind> {};

enum class Act { choose, cancel, destroy_task, destroy_scene, close };

void perform(Act act, Trial& trial, std::size_t i) {
  switch (act) {
    case Act::choose:
      return trial.choose();
    case Act::cancel:
      return trial.cancel(i);
    case Act::destroy_task:
      return trial.destroy_task(i);
    case Act::destroy_scene:
      return trial.destroy_scene();
    case Act::close:
      return trial.close();
  }
}

// Of two tasks that wait, the first has all happen to it in the turn of its timeout.
TEST_P(WaitOrders, keep_the_count_whatever_comes_first) {
  std::array acts{Act::choose, Act::cancel, Act::destroy_task, Act::destroy_scene,
                  Act::close};
  do {
    for (std::size_t length = 1; length <= acts.size(); ++length) {
      for (const bool timeout_first : {false, true}) {
        Trial trial(GetParam().make, 2, deadline);
        const auto turn = [&] {
          for (std::size_t i = 0; i < length; ++i) perform(acts[i], trial, 0);
        };
        if (timeout_first) {
          trial.behind_timeouts(turn);
        } else {
          trial.at(deadline, turn);
        }
        trial.play();
        trial.check();
        if (HasFailure()) return;
      }
    }
  } while (std::next_permutation(acts.begin(), acts.end()));
}

TEST_P(WaitOrders, keep_the_count_under_random_acts) {
  for (const std::uint64_t seed : simulation_seeds(300)) {
    SCOPED_TRACE(testing::Message() << "TORNADO_TEST_SEED=" << seed);
    std::mt19937_64 random(seed);
    const auto one_of = [&random](std::size_t n) { return random() % n; };
    constexpr std::size_t count = 6;
    Trial trial(GetParam().make, count, deadline);
    const auto turn = [&] {
      for (std::size_t acts = one_of(6); acts > 0; --acts) {
        constexpr std::array usual{Act::choose, Act::choose, Act::cancel,
                                   Act::destroy_task};
        constexpr std::array rare{Act::destroy_scene, Act::close};
        const Act act = one_of(30) == 0 ? rare[one_of(2)] : usual[one_of(4)];
        perform(act, trial, one_of(count));
      }
    };
    for (std::size_t turns = 1 + one_of(4); turns > 0; --turns) {
      if (one_of(3) == 0) {
        trial.behind_timeouts(turn);
      } else {
        trial.at(one_of(2) == 0 ? deadline : 1ms, turn);
      }
    }
    trial.play();
    trial.check();
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, WaitOrders,
    testing::Values(Kind{"semaphore", make_scene<SemaphoreScene>},
                    Kind{"lock", make_scene<LockScene>},
                    Kind{"condition", make_scene<ConditionScene>},
                    Kind{"event", make_scene<EventScene>},
                    Kind{"get", make_scene<GetScene<Queue<Item>>>},
                    Kind{"get_last", make_scene<GetScene<LifoQueue<Item>>>},
                    Kind{"get_smallest", make_scene<GetScene<PriorityQueue<Item>>>},
                    Kind{"put", make_scene<PutScene>},
                    Kind{"receive", make_scene<ReceiveScene>},
                    Kind{"send", make_scene<SendScene>}),
    [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace tornado::test
