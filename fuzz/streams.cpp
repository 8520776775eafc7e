// SPDX-License-Identifier: Apache-2.0
// Plays a program of reads, writes, ends and closings on two connected streams, and
// wants of each operation what a model of two queues of bytes allows.
#include <cstdio>

#include "fuzz/stream_program.h"

namespace {

/// Tells at exit how much was tried.
struct Operations {
  ~Operations() { std::printf("%zu operations on streams\n", count); }
  std::size_t count = 0;
};

Operations operations;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tornado::fuzz::Input input(data, size);
  operations.count += tornado::fuzz::play_streams(tornado::fuzz::decode_streams(input));
  return 0;
}
