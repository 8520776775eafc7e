// SPDX-License-Identifier: Apache-2.0
// Plays a program of tasks, groups, deadlines, locks and queues on a loop in simulated
// time, and on a model, and wants to hear the same.
#include "fuzz/task_program.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tornado::fuzz::Input input(data, size);
  (void)tornado::fuzz::compare_tasks(tornado::fuzz::decode_tasks(input));
  return 0;
}
