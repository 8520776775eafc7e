// SPDX-License-Identifier: Apache-2.0
// close() while other threads wake, with canaries on the numbers that become free: a
// byte that arrives in one was written to a stranger, a byte that goes was read from
// one.
#include <unistd.h>

#include <barrier>
#include <memory>
#include <vector>

#include "platform/every_waker.h"
#include "support/descriptors.h"
#include "support/scale.h"

namespace tornado::test {
namespace {

/// Takes the lowest free numbers. Both ends can be written and read.
class Canary {
 public:
  Canary() {
    EXPECT_EQ(::write(pair_.first.get(), "c", 1), 1);
    EXPECT_EQ(::write(pair_.second.get(), "c", 1), 1);
  }
  bool untouched() {
    return drain(pair_.first.get()) == 1 && drain(pair_.second.get()) == 1;
  }
  bool sits_on(int fd) const {
    return pair_.first.get() == fd || pair_.second.get() == fd;
  }

 private:
  FdPair pair_ = make_socket_pair();
};

class EveryWakerClosed : public WakerSuite {
 protected:
  static constexpr int waking_threads = 8;
};

/// What the threads of a race share. Each round has its own waker, which lives on.
class Race {
 public:
  Race(WakerKind kind, std::uint64_t rounds) : kind_(kind), rounds_(rounds) {}

  /// `owner` is called once a round, while the others wake (and the first of them also
  /// closes, in every other round).
  template <class Owner>
  void run(int waking_threads, Owner owner) {
    std::barrier<> gate(waking_threads + 1);
    std::vector<Thread> threads;
    for (int i = 0; i < waking_threads; ++i) {
      threads.emplace_back([this, i, &gate] { wake_each_round(gate, i == 0); });
    }
    for (std::uint64_t round = 0; round < rounds_; ++round) {
      waker_ = std::make_unique<Waker>(kind_);
      const int reader = waker_->fileno();
      const int writer = waker_->write_fileno();
      gate.arrive_and_wait();
      owner(*waker_);
      Canary first;
      Canary second;
      gate.arrive_and_wait();
      for (Canary* canary : {&first, &second}) {
        reused_ += canary->sits_on(reader) + canary->sits_on(writer);
        stray_ += !canary->untouched();
      }
    }
  }

  std::uint64_t reused() const { return reused_; }
  std::uint64_t stray() const { return stray_; }

 private:
  void wake_each_round(std::barrier<>& gate, bool closes) {
    for (std::uint64_t round = 0; round < rounds_; ++round) {
      gate.arrive_and_wait();
      for (int i = 0; i < 4; ++i) waker_->wake();
      if (closes && round % 2) waker_->close();
      waker_->wake();
      gate.arrive_and_wait();
    }
  }

  WakerKind kind_;
  std::uint64_t rounds_;
  std::unique_ptr<Waker> waker_;
  std::uint64_t reused_ = 0;
  std::uint64_t stray_ = 0;
};

TEST_P(EveryWakerClosed, while_others_wake_touches_no_next_owner_of_its_numbers) {
  const std::set<int> before = open_numbers();
  const std::uint64_t rounds = scaled(2000);
  {
    Race race(kind(), rounds);
    race.run(waking_threads, [](Waker& waker) {
      (void)waker.consume();
      (void)waker.consume();
      waker.close();
    });
    EXPECT_EQ(race.stray(), 0u);
    EXPECT_GT(race.reused(), rounds / 2) << "the canaries missed the numbers";
    std::printf("%s: %llu rounds, canaries on %llu numbers, %llu touched\n",
                std::string(to_string(kind())).c_str(),
                static_cast<unsigned long long>(rounds),
                static_cast<unsigned long long>(race.reused()),
                static_cast<unsigned long long>(race.stray()));
  }
  EXPECT_EQ(open_numbers(), before) << "every descriptor was given back";
}

TEST_P(EveryWakerClosed, by_another_thread_during_a_rebuild_gives_everything_back) {
  const std::set<int> before = open_numbers();
  {
    Race race(kind(), scaled(1000));
    race.run(waking_threads, [](Waker& waker) {
      try {
        waker.rebuild();
      } catch (const std::system_error&) {
        // A closed one has no numbers to rebuild under.
      }
      (void)waker.consume();
      waker.close();
    });
    EXPECT_EQ(race.stray(), 0u);
  }
  EXPECT_EQ(open_numbers(), before);
}

INSTANTIATE_TEST_SUITE_P(, EveryWakerClosed, testing::ValuesIn(waker_kinds()),
                         name_of_waker);

}  // namespace
}  // namespace tornado::test
