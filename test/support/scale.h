// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>

namespace tornado::test {

/// `rounds` times TORNADO_TEST_SCALE (1 if unset), and fewer under a sanitizer or
/// valgrind, whose slowness would otherwise set the time of a run; at least 1.
std::uint64_t scaled(std::uint64_t rounds);

/// TORNADO_TEST_SEED, or else a fresh one. Prints it, so that a failure can be had
/// again.
std::uint64_t test_seed();

/// Seeded with `seed`; the same numbers with every standard library, which
/// std::uniform_int_distribution does not give.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  /// 0 ... n-1
  template <class Number>
  Number below(Number n) {
    return static_cast<Number>(engine_() % static_cast<std::uint64_t>(n));
  }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace tornado::test
