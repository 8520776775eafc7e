// SPDX-License-Identifier: Apache-2.0
#include "samples.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "support/descriptors.h"
#include "support/heap.h"
#include "support/scale.h"

namespace tornado::test {
namespace {

// A leak raises them all; what comes and goes does not.
std::size_t median_of_third(const std::vector<std::size_t>& all, std::size_t third) {
  const auto at = [&](std::size_t n) {
    return all.begin() + static_cast<std::ptrdiff_t>(all.size() * n / 3);
  };
  std::vector<std::size_t> some(at(third), at(third + 1));
  const auto middle = some.begin() + static_cast<std::ptrdiff_t>(some.size() / 2);
  std::ranges::nth_element(some, middle);
  return *middle;
}

void expect_flat_one(const char* what, const std::vector<std::size_t>& all,
                     std::size_t more) {
  const std::size_t second = median_of_third(all, 1);
  const std::size_t last = median_of_third(all, 2);
  std::cout << what << ": " << second << ", then " << last << " (" << all.size()
            << " samples)\n";
  EXPECT_LE(last, second + more) << what;
}

}  // namespace

void Samples::take() {
  descriptors_.push_back(open_numbers().size());
  bytes_.push_back(memory_in_use());
}

void Samples::expect_flat(std::size_t descriptors_more, std::size_t bytes_more) const {
  ASSERT_GE(size(), 6u);
  expect_flat_one("descriptors", descriptors_, descriptors_more);
  expect_flat_one("bytes of the heap", bytes_, bytes_more);
}

std::size_t soak_length(const char* variable, std::size_t usual) {
  if (const char* text = std::getenv(variable)) return std::strtoull(text, nullptr, 10);
  return std::max<std::size_t>(1, scaled(usual));
}

}  // namespace tornado::test
