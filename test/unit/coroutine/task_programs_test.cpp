// SPDX-License-Identifier: Apache-2.0
// Programs by chance, of tasks, groups, deadlines, locks and queues, beside the model
// of the fuzzer.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "fuzz/task_program.h"
#include "support/scale.h"
#include "tornado/testing.h"

namespace tornado::test {
namespace {

std::size_t compare_by_seed(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::uint8_t> bytes(150);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  fuzz::Input input(bytes.data(), bytes.size());
  return fuzz::compare_tasks(fuzz::decode_tasks(input));
}

// A difference is written to stderr, and ends the program.
TEST(TaskPrograms, do_what_the_model_promises) {
  std::size_t operations = 0;
  for (const std::uint64_t seed : simulation_seeds(scaled(2000))) {
    SCOPED_TRACE(testing::Message() << "TORNADO_TEST_SEED=" << seed);
    operations += compare_by_seed(seed);
  }
  RecordProperty("operations", std::to_string(operations));
}

}  // namespace
}  // namespace tornado::test
