// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "support/wait.h"
#include "tornado/fd.h"
#include "tornado/waker.h"

namespace tornado::test {

/// Parameter of the suites that run over every kind of waker.
class WakerSuite : public testing::TestWithParam<WakerKind> {
 protected:
  static WakerKind kind() { return GetParam(); }
};

inline std::string name_of_waker(const testing::TestParamInfo<WakerKind>& test) {
  return std::string(to_string(test.param));
}

inline void PrintTo(WakerKind kind, std::ostream* out) {
  *out << to_string(kind);
}

/// Whether one descriptor is both ends.
inline bool is_one_descriptor(WakerKind kind) {
  return kind == WakerKind::eventfd || kind == WakerKind::kqueue;
}

/// Whether there are bytes, which anybody may write and which fill a buffer; and a flag
/// that makes calls non-blocking. A kqueue has neither: it is told by a call of its
/// own, which never waits.
inline bool is_made_of_bytes(WakerKind kind) {
  return kind != WakerKind::kqueue;
}

/// What the helpers need of a Waker or LoopWaker.
struct WakerView {
  template <class AnyWaker>
  WakerView(const AnyWaker& waker) : kind(waker.kind()), writer(waker.write_fileno()) {}
  WakerKind kind;
  NativeFd writer;
};

/// Whether a single byte from outside is a wake.
inline bool takes_single_bytes(WakerKind kind) {
  return !is_one_descriptor(kind);
}

/// Writes one byte to the waker, as code does that knows the descriptor alone.
void write_byte_from_outside(const WakerView& waker);

/// Writes to the waker as a stranger may.
void write_from_outside(const WakerView& waker);

/// Writes from outside until the waker takes no more.
void fill_from_outside(const WakerView& waker);

/// Puts another file on the writer's number, as a stranger may.
void replace_the_writer(const WakerView& waker);

template <class AnyWaker>
void expect_to_work(AnyWaker& waker) {
  (void)waker.consume();
  EXPECT_FALSE(is_readable(waker.fileno()));
  waker.wake();
  EXPECT_TRUE(is_readable(waker.fileno()));
  EXPECT_TRUE(waker.consume());
  EXPECT_FALSE(is_readable(waker.fileno()));
}

/// Rebuilds `waker` amid the wakes of three threads, in each turn for which `is_due` is
/// true, and expects that no wake is lost.
template <class AnyWaker, class IsDue>
void expect_rebuilds_to_lose_no_wake(AnyWaker& waker, std::uint64_t wakes,
                                     IsDue is_due) {
  constexpr int threads = 3;
  std::atomic<std::uint64_t> published{0};
  std::vector<Thread> wakers;
  for (int i = 0; i < threads; ++i) {
    wakers.emplace_back([&waker, wakes, &published] {
      for (std::uint64_t n = 0; n < wakes; ++n) {
        published.fetch_add(1, std::memory_order_relaxed);
        waker.wake();
      }
    });
  }
  std::uint64_t seen = 0;
  for (std::uint64_t turn = 0; seen < wakes * threads; ++turn) {
    waker.disarm();
    seen = published.load(std::memory_order_relaxed);
    if (is_due(turn)) waker.rebuild();
    if (!waker.arm() || seen == wakes * threads) continue;
    ASSERT_TRUE(becomes_readable(waker.fileno())) << "a wake was lost";
    EXPECT_TRUE(waker.consume());
  }
  wakers.clear();
  EXPECT_GT(waker.counters().rebuilt, 0u);
}

}  // namespace tornado::test
