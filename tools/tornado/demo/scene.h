// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Threads and a signal handler post to a loop, and every post is accounted for.

#include <chrono>
#include <cstdint>
#include <vector>

#include "text/histogram.h"
#include "tornado/loop_types.h"

namespace tornado::cli {

struct SceneOptions {
  LoopOptions loop;
  std::chrono::nanoseconds length;
};

struct SceneFigures {
  std::uint64_t posted = 0;  ///< by threads and by the handler
  std::uint64_t run = 0;
  std::uint64_t lost = 0;     ///< not run, or only because a timer ended the sleep
  std::uint64_t twice = 0;    ///< run more than once
  std::uint64_t signals = 0;  ///< of `posted`, those from the handler
  std::uint64_t signals_refused = 0;
  std::uint64_t errno_changed = 0;
  std::uint64_t written = 0;    ///< system calls made to wake the loop
  std::uint64_t coalesced = 0;  ///< posts that needed none
  std::chrono::nanoseconds took{0};
  Histogram latency;      ///< from just before the post to the callback
  bool finished = false;  ///< neither interrupted nor out of patience
};

/// In rounds: each thread and the handler post once, at about the same time, to a loop
/// that has nothing else to do. The next round begins when all have run, so that one
/// lost wake is the end of the scene.
SceneFigures play_asleep(const SceneOptions& options);

/// The loop is kept awake by a callback that adds itself again, while threads post as
/// fast as they can, and signals interrupt them and the loop.
SceneFigures play_busy(const SceneOptions& options);

/// Which posts of each thread were run. Belongs to the loop's thread.
class Ledger {
 public:
  explicit Ledger(std::size_t threads) : seen_(threads) {}
  void run(std::size_t thread, std::size_t index) {
    auto& seen = seen_[thread];
    if (index >= seen.size()) seen.resize(index + 1);
    ++run_;
    if (seen[index]) ++twice_;
    seen[index] = true;
  }
  [[nodiscard]] std::uint64_t run() const { return run_; }
  [[nodiscard]] std::uint64_t twice() const { return twice_; }

 private:
  std::vector<std::vector<bool>> seen_;
  std::uint64_t run_ = 0;
  std::uint64_t twice_ = 0;
};

}  // namespace tornado::cli
