// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <semaphore.h>

#include <array>
#include <atomic>
#include <functional>
#include <string_view>
#include <thread>

#include "platform/sync_point.h"

namespace tornado::test {

std::string_view name_of(SyncPoint point);

/// How often each point was reached since the program began.
using Arrivals = std::array<int, sync_points>;
Arrivals arrivals();
int arrivals_at(SyncPoint point);

/// In this scope, whoever is the `nth` (from 0) to reach `point` stands there until
/// `meanwhile` has run to its end.
class Stretch {
 public:
  Stretch(SyncPoint point, int nth, std::function<void()> meanwhile);
  ~Stretch();
  Stretch(const Stretch&) = delete;
  Stretch& operator=(const Stretch&) = delete;

  [[nodiscard]] bool reached() const { return left_ < 0; }
  void arrive(SyncPoint point);

 private:
  const SyncPoint point_;
  std::atomic<int> left_;
  const std::function<void()> meanwhile_;
};

/// Runs `body` on a thread of its own, to its end.
void on_another_thread(const std::function<void()>& body);

/// The same for places in signal handlers, where no thread may be made: it is there
/// before.
class Standby {
 public:
  explicit Standby(std::function<void()> body);
  ~Standby();
  Standby(const Standby&) = delete;
  Standby& operator=(const Standby&) = delete;

  void run();

 private:
  sem_t wanted_, done_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

/// Plays a scenario once to see which points it reaches, and then again for each, and
/// for its first two arrivals there, with that one stretched by `meanwhile`. How many
/// times it was played so. A second arrival may be due to chance, and then not come.
/// `clean` is called after each, and not stretched.
int stretch_each(
    const std::function<void()>& play, const std::function<void()>& meanwhile,
    const std::function<void()>& clean = [] {});

/// The points that stretch_each() has stretched so far, and those that were said to be.
const std::array<bool, sync_points>& stretched_points();
void count_as_stretched(SyncPoint point);

}  // namespace tornado::test
