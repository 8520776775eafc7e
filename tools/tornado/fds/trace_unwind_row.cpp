// SPDX-License-Identifier: Apache-2.0
#include "fds/trace_unwind_row.h"

namespace tornado::cli {
namespace {

using Kind = RegisterRule::Kind;

// The DW_CFA_ instructions, of which three carry an operand in their lower bits.
enum Instruction : unsigned {
  nop = 0x00,
  advance_loc1 = 0x02,
  advance_loc2 = 0x03,
  advance_loc4 = 0x04,
  offset_extended = 0x05,
  restore_extended = 0x06,
  undefined = 0x07,
  same_value = 0x08,
  in_register = 0x09,
  remember_state = 0x0a,
  restore_state = 0x0b,
  def_cfa = 0x0c,
  def_cfa_register = 0x0d,
  def_cfa_offset = 0x0e,
  def_cfa_expression = 0x0f,
  expression = 0x10,
  offset_extended_sf = 0x11,
  def_cfa_sf = 0x12,
  def_cfa_offset_sf = 0x13,
  val_offset = 0x14,
  val_offset_sf = 0x15,
  val_expression = 0x16,
  negate_ra_state = 0x2d,  // the signature is taken off in any case
  args_size = 0x2e,
  advance_loc = 0x40,
  offset = 0x80,
  restore = 0xc0
};

std::int64_t as_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

}  // namespace

bool RowBuilder::run(std::span<const unsigned char> instructions) {
  DwarfReader in(instructions, 0);
  while (!in.done() && location_ <= pc_) {
    if (!step(in)) return false;
  }
  return in.good();
}

void RowBuilder::set(std::uint64_t index, const RegisterRule& rule) {
  // Vector registers and the like are of no use here.
  if (index < row_.registers.size()) row_.registers[index] = rule;
}

bool RowBuilder::step(DwarfReader& in) {
  const unsigned byte = in.number<std::uint8_t>();
  const unsigned low = byte & 0x3fu;
  switch (byte & 0xc0u) {
    case advance_loc:
      advance(low);
      return true;
    case offset:
      set(low, {Kind::at_offset, scaled(as_signed(in.uleb()))});
      return true;
    case restore:
      if (low < initial_.registers.size()) set(low, initial_.registers[low]);
      return true;
    default:
      return step_frame(in, byte) || step_extended(in, byte);
  }
}

bool RowBuilder::step_frame(DwarfReader& in, unsigned instruction) {
  auto& frame = row_.frame;
  switch (instruction) {
    case def_cfa:
    case def_cfa_sf: {
      const auto other = static_cast<unsigned>(in.uleb());
      const auto distance =
          instruction == def_cfa ? as_signed(in.uleb()) : scaled(in.sleb());
      frame = {Kind::is_offset, distance, other};
      return true;
    }
    case def_cfa_register:
      frame.other = static_cast<unsigned>(in.uleb());
      return true;
    case def_cfa_offset:
      frame.offset = as_signed(in.uleb());
      return true;
    case def_cfa_offset_sf:
      frame.offset = scaled(in.sleb());
      return true;
    case def_cfa_expression:
      frame = {Kind::is_expression, 0, 0, in.take(in.uleb())};
      return true;
    case remember_state:
      saved_.push_back(row_);
      return true;
    case restore_state:
      if (saved_.empty()) return false;
      row_ = saved_.back();
      saved_.pop_back();
      return true;
    case nop:
    case negate_ra_state:
      return true;
    case args_size:
      in.uleb();
      return true;
    default:
      return false;
  }
}

bool RowBuilder::step_extended(DwarfReader& in, unsigned instruction) {
  switch (instruction) {
    case advance_loc1:
      advance(in.number<std::uint8_t>());
      return true;
    case advance_loc2:
      advance(in.number<std::uint16_t>());
      return true;
    case advance_loc4:
      advance(in.number<std::uint32_t>());
      return true;
    default:
      break;
  }
  const std::uint64_t index = in.uleb();
  switch (instruction) {
    case offset_extended:
      set(index, {Kind::at_offset, scaled(as_signed(in.uleb()))});
      return true;
    case offset_extended_sf:
      set(index, {Kind::at_offset, scaled(in.sleb())});
      return true;
    case val_offset:
      set(index, {Kind::is_offset, scaled(as_signed(in.uleb()))});
      return true;
    case val_offset_sf:
      set(index, {Kind::is_offset, scaled(in.sleb())});
      return true;
    case restore_extended:
      if (index < initial_.registers.size()) set(index, initial_.registers[index]);
      return true;
    case undefined:
      set(index, {Kind::undefined});
      return true;
    case same_value:
      set(index, {Kind::same});
      return true;
    case in_register:
      set(index, {Kind::in_register, 0, static_cast<unsigned>(in.uleb())});
      return true;
    case expression:
      set(index, {Kind::at_expression, 0, 0, in.take(in.uleb())});
      return true;
    case val_expression:
      set(index, {Kind::is_expression, 0, 0, in.take(in.uleb())});
      return true;
    default:
      return false;
  }
}

}  // namespace tornado::cli
