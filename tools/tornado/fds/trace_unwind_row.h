// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// One row of the table that call frame information describes: where, at one place in
/// the code, the caller's registers are.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "fds/trace_dwarf.h"

namespace tornado::cli {

struct RegisterRule {
  enum class Kind : std::uint8_t {
    same,
    undefined,
    at_offset,  ///< in memory, from the frame's address on
    is_offset,  ///< the frame's address and something
    in_register,
    at_expression,  ///< in memory, where an expression says
    is_expression
  };
  Kind kind = Kind::same;
  std::int64_t offset = 0;
  unsigned other = 0;
  std::span<const unsigned char> expression = {};
};

struct UnwindRow {
  RegisterRule frame = {};  ///< its address: is_offset of `other`, or is_expression
  std::array<RegisterRule, 33> registers = {};
};

/// What all functions described alike have in common.
struct CommonInformation {
  std::uint64_t code_unit = 1;
  std::int64_t data_unit = 1;
  unsigned return_register = 0;
  unsigned pointer_encoding = 0;
  bool has_augmentation = false;
  bool signal_frame = false;
  std::span<const unsigned char> instructions = {};
};

/// Runs the instructions up to the row for `pc`. False if one is unknown.
class RowBuilder {
 public:
  RowBuilder(const CommonInformation& common, std::uint64_t begin, std::uint64_t pc)
      : common_(common), location_(begin), pc_(pc) {}

  bool run(std::span<const unsigned char> instructions);
  /// What "restore" goes back to.
  void remember_initial() { initial_ = row_; }
  [[nodiscard]] const UnwindRow& row() const { return row_; }

 private:
  bool step(DwarfReader& in);
  bool step_extended(DwarfReader& in, unsigned instruction);
  bool step_frame(DwarfReader& in, unsigned instruction);
  void advance(std::uint64_t units) { location_ += units * common_.code_unit; }
  void set(std::uint64_t index, const RegisterRule& rule);
  std::int64_t scaled(std::int64_t value) const { return value * common_.data_unit; }

  const CommonInformation& common_;
  std::uint64_t location_;
  std::uint64_t pc_;
  UnwindRow row_ = {};
  UnwindRow initial_ = {};
  std::vector<UnwindRow> saved_ = {};
};

}  // namespace tornado::cli
