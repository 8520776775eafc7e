// SPDX-License-Identifier: Apache-2.0
// Programs by chance, of reads, writes, ends and closings on two streams, beside the
// model of the fuzzer.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "fuzz/stream_program.h"
#include "support/pollers.h"
#include "support/scale.h"
#include "tornado/testing.h"

namespace tornado::test {
namespace {

std::size_t play_by_seed(std::uint64_t seed, fuzz::StreamLink link, PollerKind poller) {
  std::mt19937_64 random(seed);
  std::vector<std::uint8_t> bytes(200);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  fuzz::Input input(bytes.data(), bytes.size());
  fuzz::StreamProgram program = fuzz::decode_streams(input, link);
  program.poller = poller;
  return fuzz::play_streams(program);
}

class StreamPrograms : public testing::TestWithParam<PollerKind> {};
INSTANTIATE_TEST_SUITE_P(, StreamPrograms, testing::ValuesIn(working_poller_kinds()),
                         name_of_poller);

// A difference is written to stderr, and ends the program.
TEST_P(StreamPrograms, do_what_the_model_promises) {
  std::size_t operations = 0;
  const std::size_t rounds = scaled(60);
  for (const std::uint64_t seed : simulation_seeds(rounds)) {
    SCOPED_TRACE(testing::Message() << "TORNADO_TEST_SEED=" << seed);
    for (const auto link : fuzz::stream_links()) {
      operations += play_by_seed(seed, link, GetParam());
    }
  }
  RecordProperty("operations", std::to_string(operations));
}

}  // namespace
}  // namespace tornado::test
