// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>

#include "platform/every_waker.h"
#include "platform/loop_waker.h"
#include "stretch.h"
#include "support/child.h"
#include "support/descriptors.h"

namespace tornado::test {
namespace {

/// Sits on the numbers that were just closed, and knows of each byte that comes or
/// goes.
class Canary {
 public:
  Canary() { fill_up(); }
  [[nodiscard]] bool untouched() const {
    return drain(one_.first.get()) == 1 && drain(one_.second.get()) == 1 &&
           drain(two_.first.get()) == 1 && drain(two_.second.get()) == 1;
  }

 private:
  void fill_up() const {
    for (const FdPair* pair : {&one_, &two_}) {
      EXPECT_EQ(::write(pair->first.get(), "c", 1), 1);
      EXPECT_EQ(::write(pair->second.get(), "c", 1), 1);
    }
  }
  FdPair one_ = make_socket_pair();
  FdPair two_ = make_socket_pair();
};

class EveryWakerPaused : public WakerSuite {
 protected:
  /// Plays `act` on a fresh waker, armed or with a wake to answer, with `meanwhile` at
  /// each point; then `after`. Closes the waker, and wants everything given back.
  template <class Act, class Meanwhile, class After>
  void play(bool woken, Act act, Meanwhile meanwhile, After after) {
    const std::set<int> before = open_numbers();
    const int played = stretch_each(
        [&] {
          waker_ = std::make_unique<LoopWaker>(kind());
          if (woken) waker_->wake();
          act();
        },
        [&] { on_another_thread(meanwhile); },
        [&] {
          after();
          waker_.reset();
          EXPECT_TRUE(!canary_ || canary_->untouched());
          canary_.reset();
          EXPECT_EQ(open_numbers(), before);
        });
    EXPECT_GT(played, 0);
  }

  void close_and_reuse() {
    waker_->close();
    canary_.emplace();
  }

  std::unique_ptr<LoopWaker> waker_;
  std::optional<Canary> canary_;
};

TEST_P(EveryWakerPaused, in_a_wake_is_closed_and_its_numbers_reused) {
  play(
      false, [&] { waker_->wake(); }, [&] { close_and_reuse(); }, [] {});
}

TEST_P(EveryWakerPaused, in_a_wake_is_woken_by_another) {
  play(
      false, [&] { waker_->wake(); }, [&] { waker_->wake(); },
      [&] { EXPECT_TRUE(is_readable(waker_->fileno())); });
}

TEST_P(EveryWakerPaused, in_a_wake_answers_and_sleeps_again) {
  bool answered_amid = false;
  play(
      false,
      [&] {
        answered_amid = false;
        waker_->wake();
      },
      [&] {
        (void)waker_->drain_and_disarm();
        answered_amid = true;
      },
      [&] {
        // Either the sleeper is told, or it has looked after the wake began.
        const bool told = is_readable(waker_->fileno()) || !waker_->arm();
        EXPECT_TRUE(told || answered_amid);
        expect_to_work(*waker_);
      });
}

TEST_P(EveryWakerPaused, that_consumes_is_closed_and_its_numbers_reused) {
  play(
      true, [&] { (void)waker_->consume(); }, [&] { close_and_reuse(); }, [] {});
}

TEST_P(EveryWakerPaused, that_consumes_is_woken_and_works_on) {
  play(
      true, [&] { EXPECT_TRUE(waker_->consume()); }, [&] { waker_->wake(); },
      [&] { expect_to_work(*waker_); });
}

TEST_P(EveryWakerPaused, that_answers_is_woken_and_works_on) {
  play(
      true, [&] { EXPECT_TRUE(waker_->drain_and_disarm()); }, [&] { waker_->wake(); },
      [&] { expect_to_work(*waker_); });
}

TEST_P(EveryWakerPaused, that_answers_is_closed_and_its_numbers_reused) {
  play(
      true, [&] { (void)waker_->drain_and_disarm(); }, [&] { close_and_reuse(); },
      [] {});
}

TEST_P(EveryWakerPaused, that_is_rebuilt_is_woken_and_tells_so) {
  play(
      false, [&] { waker_->rebuild(); }, [&] { waker_->wake(); },
      [&] {
        EXPECT_TRUE(is_readable(waker_->fileno()));
        expect_to_work(*waker_);
      });
}

TEST_P(EveryWakerPaused, that_is_rebuilt_is_closed_and_its_numbers_reused) {
  play(
      false, [&] { waker_->rebuild(); }, [&] { close_and_reuse(); }, [] {});
}

TEST_P(EveryWakerPaused, other_threads_wake_and_close_while_it_closes) {
  play(
      false, [&] { waker_->close(); },
      [&] {
        waker_->wake();
        waker_->close();
        waker_->wake();
      },
      [] {});
}

TEST_P(EveryWakerPaused, in_a_wake_is_forked_and_rebuilt_in_the_child) {
  play(
      false, [&] { waker_->wake(); },
      [&] {
        EXPECT_TRUE(passes_in_child([&] {
          waker_->rebuild();
          EXPECT_TRUE(is_readable(waker_->fileno()));
          expect_to_work(*waker_);
        }));
      },
      [&] { EXPECT_TRUE(is_readable(waker_->fileno())); });
}

TEST_P(EveryWakerPaused, in_a_wake_is_forked_and_closed_in_the_child) {
  play(
      false, [&] { waker_->wake(); },
      [&] { EXPECT_TRUE(passes_in_child([&] { close_and_reuse(); })); },
      [&] { EXPECT_TRUE(is_readable(waker_->fileno())); });
}

INSTANTIATE_TEST_SUITE_P(, EveryWakerPaused, testing::ValuesIn(waker_kinds()),
                         name_of_waker);

}  // namespace
}  // namespace tornado::test
