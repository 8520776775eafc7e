// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace tornado::test {

/// What a program that does the same for a long time holds, now and then.
class Samples {
 public:
  void take();
  [[nodiscard]] std::size_t size() const noexcept { return descriptors_.size(); }

  /// That the last third of the samples is no higher than the second; the first is the
  /// time to warm up. Says the figures.
  void expect_flat(std::size_t descriptors_more, std::size_t bytes_more) const;

 private:
  std::vector<std::size_t> descriptors_;
  std::vector<std::size_t> bytes_;
};

/// The number in this variable, or else `usual`, less under sanitizers and Valgrind.
std::size_t soak_length(const char* variable, std::size_t usual);

}  // namespace tornado::test
