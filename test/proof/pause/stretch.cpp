// SPDX-License-Identifier: Apache-2.0
#include "stretch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "platform/system_error.h"

namespace tornado {
namespace {

std::array<std::atomic<int>, sync_points> counts{};
std::atomic<test::Stretch*> current{nullptr};

constexpr std::array<std::string_view, sync_points> names = {"wake_began",
                                                             "wake_found_it_armed",
                                                             "wake_let_in",
                                                             "drain_let_in",
                                                             "consume_drained",
                                                             "answer_drained",
                                                             "rebuild_opened",
                                                             "rebuild_let_in",
                                                             "rebuild_replaced",
                                                             "rebuild_owned",
                                                             "shut",
                                                             "post_allowed",
                                                             "post_pushed",
                                                             "ring_claimed",
                                                             "ring_filled",
                                                             "stop_stored",
                                                             "signal_noted",
                                                             "refusal_began",
                                                             "queue_closed",
                                                             "fetch_began",
                                                             "fetched",
                                                             "turn_dispatched",
                                                             "wait_timed",
                                                             "wait_armed",
                                                             "wait_ended",
                                                             "wait_answered",
                                                             "timeouts_found",
                                                             "loop_closing",
                                                             "poller_closed",
                                                             "fork_waker_rebuilt",
                                                             "fork_queue_whole",
                                                             "fork_let_in",
                                                             "spawn_prepared",
                                                             "spawn_launched",
                                                             "exit_watched",
                                                             "exit_seen",
                                                             "exit_reaped"};
static_assert(!names.back().empty());

std::size_t index(SyncPoint point) {
  return static_cast<std::size_t>(point);
}

}  // namespace

void sync_point(SyncPoint point) noexcept {
  counts[index(point)].fetch_add(1);
  if (test::Stretch* stretch = current.load()) stretch->arrive(point);
}

namespace test {
namespace {

std::array<bool, sync_points> stretched{};

}  // namespace

std::string_view name_of(SyncPoint point) {
  return names[index(point)];
}

Arrivals arrivals() {
  Arrivals now{};
  for (std::size_t i = 0; i < now.size(); ++i) now[i] = counts[i].load();
  return now;
}

int arrivals_at(SyncPoint point) {
  return counts[index(point)].load();
}

Stretch::Stretch(SyncPoint point, int nth, std::function<void()> meanwhile)
    : point_(point), left_(nth), meanwhile_(std::move(meanwhile)) {
  current = this;
}

Stretch::~Stretch() {
  current = nullptr;
}

void Stretch::arrive(SyncPoint point) {
  if (point == point_ && left_.fetch_sub(1) == 0) meanwhile_();
}

void on_another_thread(const std::function<void()>& body) {
  std::thread(body).join();
}

Standby::Standby(std::function<void()> body) {
  ::sem_init(&wanted_, 0, 0);
  ::sem_init(&done_, 0, 0);
  thread_ = std::thread([this, body = std::move(body)] {
    while (retry_eintr([this] { return ::sem_wait(&wanted_); }) == 0 && !over_) {
      body();
      ::sem_post(&done_);
    }
  });
}

Standby::~Standby() {
  over_ = true;
  ::sem_post(&wanted_);
  thread_.join();
  ::sem_destroy(&wanted_);
  ::sem_destroy(&done_);
}

void Standby::run() {
  ::sem_post(&wanted_);
  retry_eintr([this] { return ::sem_wait(&done_); });
}

namespace {

constexpr int most_plays = 1000;

bool play_stretched(const std::function<void()>& play,
                    const std::function<void()>& meanwhile,
                    const std::function<void()>& clean, SyncPoint point, int nth) {
  bool reached = false;
  {
    const Stretch stretch(point, nth, meanwhile);
    play();
    reached = stretch.reached();
  }
  clean();
  return reached;
}

}  // namespace

int stretch_each(const std::function<void()>& play,
                 const std::function<void()>& meanwhile,
                 const std::function<void()>& clean) {
  const Arrivals before = arrivals();
  play();
  const Arrivals after = arrivals();
  clean();
  int played = 0;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const auto point = static_cast<SyncPoint>(i);
    for (int nth = 0; nth < std::min(after[i] - before[i], 2); ++nth) {
      SCOPED_TRACE(std::string(name_of(point)) + ", arrival " + std::to_string(nth));
      // Which way the threads go is theirs to say: not each play comes by each point.
      bool reached = false;
      for (int plays = nth == 0 ? most_plays : 1; !reached && plays > 0; --plays) {
        reached = play_stretched(play, meanwhile, clean, point, nth);
      }
      EXPECT_TRUE(reached || nth > 0);
      count_as_stretched(point);
      ++played;
      if (testing::Test::HasFailure()) return played;
    }
  }
  return played;
}

const std::array<bool, sync_points>& stretched_points() {
  return stretched;
}

void count_as_stretched(SyncPoint point) {
  stretched[index(point)] = true;
}

}  // namespace test
}  // namespace tornado
