// SPDX-License-Identifier: Apache-2.0
#include "support/scale.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "support/sanitizers.h"

namespace tornado::test {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TORNADO_TEST_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TORNADO_TEST_SANITIZED
#endif

double slowness() {
  if (under_valgrind()) return 0.02;
#if defined(TORNADO_TEST_SANITIZED)
  return 0.2;
#else
  return 1;
#endif
}

double scale() {
  const char* text = std::getenv("TORNADO_TEST_SCALE");
  return slowness() * (text ? std::atof(text) : 1);
}

}  // namespace

std::uint64_t scaled(std::uint64_t rounds) {
  static const double factor = scale();
  return std::max(std::uint64_t{1},
                  static_cast<std::uint64_t>(static_cast<double>(rounds) * factor));
}

std::uint64_t test_seed() {
  const char* text = std::getenv("TORNADO_TEST_SEED");
  const std::uint64_t seed =
      text ? std::strtoull(text, nullptr, 0) : std::random_device()();
  std::printf("TORNADO_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

}  // namespace tornado::test
