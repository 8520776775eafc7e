// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "testing/actor.h"

namespace tornado {

/// Whose turn it is, by a seed; by the order of adding for the seed 0.
class Schedule {
 public:
  explicit Schedule(std::uint64_t seed) : random_(seed), permuting_(seed != 0) {}

  template <class T>
  void permute(std::vector<T>& items) {
    if (!permuting_) return;
    for (std::size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1], items[below(i)]);
    }
  }

  void add(std::unique_ptr<Actor> actor) { actors_.push_back(std::move(actor)); }

  /// Steps some of the actors that are due, and at least one if one `must`. Whether
  /// there was one.
  bool step(TimePoint now, bool must) {
    forget_done();
    if (actors_.empty()) return false;
    if (!permuting_) return step_each(now);
    bool stepped = false;
    while ((must && !stepped) || below(2) == 0) {
      forget_done();
      Actor* const next = pick(now);
      if (!next) break;
      stepped = true;
      next->step();
    }
    return stepped;
  }

  /// TimePoint::max() if there is none.
  [[nodiscard]] TimePoint next_due() const noexcept {
    TimePoint next = (TimePoint::max)();
    for (const auto& actor : actors_) next = std::min(next, actor->due());
    return next;
  }

 private:
  // The same with every standard library, unlike a std::uniform_int_distribution.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  bool step_each(TimePoint now) {
    bool stepped = false;
    for (std::size_t i = 0; i < actors_.size(); ++i) {
      if (actors_[i]->due() > now) continue;
      stepped = true;
      actors_[i]->step();
    }
    return stepped;
  }

  Actor* pick(TimePoint now) {
    std::vector<Actor*> due;
    for (const auto& actor : actors_) {
      if (actor->due() <= now) due.push_back(actor.get());
    }
    return due.empty() ? nullptr : due[below(due.size())];
  }

  // Called first, since an actor that has thrown is done, too.
  void forget_done() {
    std::erase_if(actors_, [](const auto& actor) { return actor->done(); });
  }

  std::mt19937_64 random_;
  const bool permuting_;
  std::vector<std::unique_ptr<Actor>> actors_;
};

}  // namespace tornado
