// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// How to get from a function to its caller, as the compiler has written it down: the
/// call frame information of one module (the section .eh_frame, which is also loaded
/// by programs without debug information).

#include <optional>

#include "fds/trace_machine.h"
#include "fds/trace_memory.h"

namespace tornado::cli {

class CallFrames {
 public:
  /// `base`: where the module's ELF header lies in the process.
  CallFrames(pid_t pid, std::uint64_t base);

  /// What is to be taken from an address in the process to get one in the file.
  [[nodiscard]] std::uint64_t bias(std::uint64_t base) const {
    return base - first_address_;
  }

  struct Caller {
    Registers registers;  ///< pc is 0 in the outermost function
    bool interrupted;     ///< by a signal: pc is not where a call returns to
  };
  /// Nothing where the module does not tell. `pc` is an address in the file within the
  /// function that the registers are of.
  [[nodiscard]] std::optional<Caller> caller(const Registers& registers,
                                             std::uint64_t pc, Memory& memory) const;

 private:
  [[nodiscard]] std::optional<std::uint64_t> description_of(std::uint64_t pc) const;

  std::uint64_t first_address_ = 0;
  std::uint64_t index_address_ = 0;
  Bytes index_ = {};
  std::uint64_t frames_address_ = 0;
  Bytes frames_ = {};
};

}  // namespace tornado::cli
