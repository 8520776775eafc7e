// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>

#include "stretch.h"
#include "support/child.h"
#include "support/descriptors.h"
#include "support/pollers.h"
#include "support/signals.h"
#include "support/wait.h"
#include "tornado/fd.h"
#include "tornado/ioloop.h"
#include "tornado/log.h"

namespace tornado::test {
namespace {

/// What handlers of signals reach.
std::function<void()> on_signal;
void handle_signal(int) {
  on_signal();
}

/// Counts those of its kind that were destroyed.
class Counted {
 public:
  explicit Counted(std::atomic<int>& destroyed) : destroyed_(&destroyed) {}
  Counted(Counted&& other) noexcept : destroyed_(std::exchange(other.destroyed_, {})) {}
  ~Counted() {
    if (destroyed_) ++*destroyed_;
  }

 private:
  std::atomic<int>* destroyed_;
};

class EveryLoopPaused : public testing::TestWithParam<PollerKind> {
 public:
  /// A loop that another thread tells something once it sleeps, `tell`, and that
  /// somebody tells something else at each point in turn, `also`. It is left when it
  /// has done all that it was told; a lost wake leaves it asleep.
  void play(const std::function<void()>& tell, const std::function<void()>& also,
            bool on_the_same_thread = false) {
    Standby other(also);
    const int played = stretch_each([&] { play_once(tell); },
                                    [&] {
                                      also_told_ = true;
                                      if (on_the_same_thread) return also();
                                      other.run();
                                    },
                                    [&] { loop_.reset(); });
    EXPECT_GT(played, 10);
  }

  void play_once(const std::function<void()>& tell) {
    loop_ = std::make_unique<IOLoop>(GetParam());
    told_done_ = also_told_ = also_done_ = false;
    prepare();
    loop_->call_later(patience, [this] {
      ADD_FAILURE() << "the loop slept on";
      loop_->stop();
    });
    const int slept = arrivals_at(SyncPoint::wait_armed);
    const Thread teller([&] {
      EXPECT_TRUE(
          wait_until([&] { return arrivals_at(SyncPoint::wait_armed) > slept; }));
      tell();
    });
    loop_->start();
    // What came when the loop was on its way out waits for its next run.
    while (also_told_ && !also_done_ && !HasFailure()) loop_->start();
  }

  virtual void prepare() {}

  void told() {
    told_done_ = true;
    leave_if_done();
  }
  void also() {
    also_done_ = true;
    leave_if_done();
  }
  void leave_if_done() {
    if (told_done_ && (!also_told_ || also_done_)) loop_->stop();
  }
  void post_told() {
    EXPECT_TRUE(loop_->add_callback([this] { told(); }));
  }

  std::unique_ptr<IOLoop> loop_;
  std::atomic<bool> told_done_{false}, also_told_{false}, also_done_{false};
};

TEST_P(EveryLoopPaused, hears_two_threads_that_post) {
  play([&] { post_told(); },
       [&] { EXPECT_TRUE(loop_->add_callback([this] { also(); })); });
}

// A thread of low priority, or in a debugger, stands there for as long as it likes.
TEST_P(EveryLoopPaused, hears_a_post_while_another_thread_stands_amid_its_own) {
  for (const SyncPoint point :
       {SyncPoint::post_pushed, SyncPoint::wake_began, SyncPoint::wake_found_it_armed,
        SyncPoint::wake_let_in}) {
    SCOPED_TRACE(std::string(name_of(point)));
    loop_ = std::make_unique<IOLoop>(GetParam());
    loop_->call_later(2 * patience, [this] { loop_->stop(); });
    std::atomic<bool> served{false};
    const auto post_and_wait = [&] {
      EXPECT_TRUE(loop_->add_callback([&] { served = true; }));
      EXPECT_TRUE(wait_until([&] { return served.load(); }));
    };
    const int slept = arrivals_at(SyncPoint::wait_armed);
    const Thread first([&] {
      const Stretch stretch(point, 0, [&] { on_another_thread(post_and_wait); });
      // A sleep may end by chance, and a loop that is awake needs no wake.
      for (int armed = slept; !stretch.reached() && !HasFailure();) {
        EXPECT_TRUE(
            wait_until([&] { return arrivals_at(SyncPoint::wait_armed) > armed; }));
        armed = arrivals_at(SyncPoint::wait_armed);
        EXPECT_TRUE(loop_->add_callback([] {}));
      }
      loop_->stop();
    });
    loop_->start();
  }
  loop_.reset();
}

TEST_P(EveryLoopPaused, hears_a_signal_handler_wherever_it_interrupts) {
  const SignalScope scope(SIGUSR2, &handle_signal);
  on_signal = [&] {
    static EveryLoopPaused* self;
    self = this;
    EXPECT_TRUE(loop_->add_callback_from_signal([] { self->also(); }));
  };
  play([&] { post_told(); }, [] { ::raise(SIGUSR2); }, true);
}

TEST_P(EveryLoopPaused, hears_a_signal_handler_that_interrupts_another) {
  static EveryLoopPaused* self;
  self = this;
  const SignalScope inner(SIGUSR2, [](int) {
    EXPECT_TRUE(self->loop_->add_callback_from_signal([] { self->also(); }));
  });
  const SignalScope outer(SIGUSR1, [](int) {
    EXPECT_TRUE(self->loop_->add_callback_from_signal([] { self->told(); }));
  });
  play([] { ::raise(SIGUSR1); }, [] { ::raise(SIGUSR2); }, true);
}

/// Watches a signal, and a pipe.
class EveryWatchingLoopPaused : public EveryLoopPaused {
 public:
  void prepare() override {
    pipe_ = make_pipe();
    loop_->add_signal_handler(SIGUSR1, [this](int) { told(); });
    loop_->add_handler(
        pipe_.first.get(),
        [this](NativeFd fd, Events) {
          EXPECT_EQ(drain(fd), 1u);
          also();
        },
        Events::read);
  }
  FdPair pipe_;
};

TEST_P(EveryWatchingLoopPaused, hears_of_a_signal_and_of_a_descriptor) {
  play([] { ::raise(SIGUSR1); },
       [&] { EXPECT_EQ(::write(pipe_.second.get(), "x", 1), 1); });
}

TEST_P(EveryLoopPaused, stops_once_for_a_stop_at_any_point) {
  const int played = stretch_each(
      [&] {
        bool ran = false;
        loop_ = std::make_unique<IOLoop>(GetParam());
        also_told_ = false;
        loop_->add_callback([&] { ran = true; });
        loop_->call_later(Delay(std::chrono::nanoseconds(0)), [&] {
          if (!also_told_) loop_->stop();
        });
        const auto alarm = loop_->call_later(patience, [&] {
          ADD_FAILURE() << "a stop was lost";
          loop_->stop();
        });
        loop_->start();
        loop_->remove_timeout(alarm);
        // One that came before the loop ran, or when it had left, is kept for one run.
        for (int runs = 0; runs < 3 && !ran; ++runs) {
          loop_->add_callback([&] { loop_->stop(); });
          loop_->start();
        }
        EXPECT_TRUE(ran);
      },
      [&] {
        also_told_ = true;
        on_another_thread([&] { loop_->stop(); });
      },
      [&] { loop_.reset(); });
  EXPECT_GT(played, 3);
}

TEST_P(EveryLoopPaused, stopped_by_a_thread_hears_another_that_posts) {
  play(
      [&] {
        told_done_ = true;
        loop_->stop();
      },
      [&] { EXPECT_TRUE(loop_->add_callback([this] { also(); })); });
}

TEST_P(EveryLoopPaused, keeps_timeouts_that_are_changed_before_they_run) {
  std::string order;
  TimeoutHandle second;
  const int played = stretch_each(
      [&] {
        order.clear();
        loop_ = std::make_unique<IOLoop>(GetParam());
        also_told_ = also_done_ = false;
        const TimePoint now = loop_->time();
        loop_->call_at(now, [&] { order += 'a'; });
        second = loop_->call_at(now, [&] { order += 'b'; });
        loop_->call_at(now, [&] {
          order += 'c';
          told();
        });
        loop_->start();
        while (also_told_ && !also_done_) loop_->start();
        const bool removed = order.find('r') < order.find('b');
        EXPECT_EQ(order.find('b') == std::string::npos, removed) << order;
        EXPECT_LT(order.find('a'), order.find('c')) << order;
        EXPECT_EQ(order.find('n') != std::string::npos, also_told_.load()) << order;
      },
      [&] {
        also_told_ = true;
        on_another_thread([&] {
          EXPECT_TRUE(loop_->add_callback([&] {
            if (loop_->remove_timeout(second)) order += 'r';
            loop_->call_at(TimePoint(), [&] {
              order += 'n';
              also();
            });
          }));
        });
      },
      [&] { loop_.reset(); });
  EXPECT_GT(played, 3);
}

TEST_P(EveryLoopPaused, that_closes_runs_no_post_and_destroys_each) {
  const std::set<int> before = open_numbers();
  std::atomic<int> made{0};
  std::atomic<int> destroyed{0};
  const auto post = [&](const LoopHandle& handle) {
    ++made;
    return handle.add_callback(
        [c = Counted(destroyed)] { ADD_FAILURE() << "ran in a closed loop"; });
  };
  LoopHandle handle;
  const int played = stretch_each(
      [&] {
        loop_ = std::make_unique<IOLoop>(GetParam());
        handle = loop_->handle();
        EXPECT_TRUE(post(handle));
        loop_->close();
        EXPECT_FALSE(post(handle));
        EXPECT_TRUE(handle.closed());
        loop_.reset();
        EXPECT_EQ(destroyed, made);
        EXPECT_EQ(open_numbers(), before);
      },
      [&] {
        on_another_thread([&] {
          post(handle);
          handle.stop();
          (void)handle.add_callback_from_signal([] {});
        });
      });
  EXPECT_GT(played, 5);
}

TEST_P(EveryLoopPaused, in_a_post_is_forked_and_taken_over_by_the_child) {
  const auto take_over = [&] {
    EXPECT_TRUE(passes_in_child([&] {
      set_log_sink([](LogLevel, std::string_view) noexcept {});
      loop_->after_fork();
      loop_->stop();  // once more, if the fork was amid it
      loop_->start();
      EXPECT_EQ(loop_->run_sync([] { return 3; }), 3);
      EXPECT_TRUE(loop_->add_callback_from_signal([] {}));
      EXPECT_EQ(loop_->run_sync([] { return 4; }), 4);
    }));
  };
  const int played = stretch_each(
      [&] {
        loop_ = std::make_unique<IOLoop>(GetParam());
        bool ran = false;
        EXPECT_TRUE(loop_->add_callback([&] { ran = true; }));
        EXPECT_TRUE(loop_->add_callback_from_signal([] {}));
        loop_->stop();
        loop_->start();  // takes the stop
        EXPECT_EQ(loop_->run_sync([] { return 5; }), 5);
        EXPECT_TRUE(ran);
      },
      [&] {
        if (!loop_->running()) on_another_thread(take_over);
      },
      [&] { loop_.reset(); });
  EXPECT_GT(played, 5);
}

TEST_P(EveryLoopPaused, that_a_child_takes_over_hears_its_threads) {
  loop_ = std::make_unique<IOLoop>(GetParam());
  bool taken = false;
  bool ran = false;
  const auto post = [&] { taken = loop_->add_callback([&] { ran = true; }); };
  for (const SyncPoint point : {SyncPoint::rebuild_opened, SyncPoint::rebuild_let_in,
                                SyncPoint::rebuild_replaced, SyncPoint::rebuild_owned,
                                SyncPoint::fork_waker_rebuilt,
                                SyncPoint::fork_queue_whole, SyncPoint::fork_let_in}) {
    SCOPED_TRACE(std::string(name_of(point)));
    EXPECT_TRUE(passes_in_child([&] {
      const Stretch stretch(point, 0, [&] { on_another_thread(post); });
      loop_->after_fork();
      EXPECT_TRUE(stretch.reached());
      EXPECT_EQ(loop_->run_sync([] { return 3; }), 3);
      EXPECT_EQ(ran, taken);
      // Refused until everything is the child's own.
      EXPECT_EQ(taken, point == SyncPoint::fork_let_in);
    }));
    count_as_stretched(point);
  }
  loop_.reset();
}

INSTANTIATE_TEST_SUITE_P(, EveryLoopPaused, testing::ValuesIn(poller_kinds()),
                         name_of_poller);
INSTANTIATE_TEST_SUITE_P(, EveryWatchingLoopPaused, testing::ValuesIn(poller_kinds()),
                         name_of_poller);

}  // namespace
}  // namespace tornado::test
