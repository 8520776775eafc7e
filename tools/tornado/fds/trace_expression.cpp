// SPDX-License-Identifier: Apache-2.0
#include "fds/trace_expression.h"

#include <vector>

namespace tornado::cli {
namespace {

// The DW_OP_ operations.
enum Operation : unsigned {
  deref = 0x06,
  const1u = 0x08,
  const1s = 0x09,
  const2u = 0x0a,
  const2s = 0x0b,
  const4u = 0x0c,
  const4s = 0x0d,
  constu = 0x10,
  consts = 0x11,
  dup = 0x12,
  bit_and = 0x1a,
  minus = 0x1c,
  bit_or = 0x21,
  plus = 0x22,
  plus_uconst = 0x23,
  shift_left = 0x24,
  greater_or_equal = 0x2a,
  lit0 = 0x30,
  breg0 = 0x70,
  breg31 = 0x8f
};

class Evaluation {
 public:
  Evaluation(const Registers& registers, Memory& memory)
      : registers_(registers), memory_(memory) {}

  void push(std::uint64_t value) { stack_.push_back(value); }
  std::optional<std::uint64_t> top() const {
    return stack_.empty() ? std::nullopt : std::optional(stack_.back());
  }

  bool step(DwarfReader& in) {
    const unsigned op = in.number<std::uint8_t>();
    if (op >= lit0 && op < breg0 && op - lit0 < 32) return push(op - lit0), true;
    if (op >= breg0 && op <= breg31) {
      push(registers_.value[op - breg0] + static_cast<std::uint64_t>(in.sleb()));
      return true;
    }
    return constant(op, in) || unary(op, in) || binary(op);
  }

 private:
  void push_signed(std::int64_t value) { push(static_cast<std::uint64_t>(value)); }

  bool constant(unsigned op, DwarfReader& in) {
    switch (op) {
      case const1u:
        push(in.number<std::uint8_t>());
        return true;
      case const1s:
        push_signed(in.number<std::int8_t>());
        return true;
      case const2u:
        push(in.number<std::uint16_t>());
        return true;
      case const2s:
        push_signed(in.number<std::int16_t>());
        return true;
      case const4u:
        push(in.number<std::uint32_t>());
        return true;
      case const4s:
        push_signed(in.number<std::int32_t>());
        return true;
      case constu:
        push(in.uleb());
        return true;
      case consts:
        push_signed(in.sleb());
        return true;
      default:
        return false;
    }
  }

  bool unary(unsigned op, DwarfReader& in) {
    if (stack_.empty()) return false;
    switch (op) {
      case dup:
        push(stack_.back());
        return true;
      case plus_uconst:
        stack_.back() += in.uleb();
        return true;
      case deref: {
        const auto value = memory_.get<std::uint64_t>(stack_.back());
        if (value) stack_.back() = *value;
        return value.has_value();
      }
      default:
        return false;
    }
  }

  bool binary(unsigned op) {
    if (stack_.size() < 2) return false;
    const std::uint64_t right = stack_.back();
    stack_.pop_back();
    std::uint64_t& left = stack_.back();
    switch (op) {
      case bit_and:
        left &= right;
        return true;
      case bit_or:
        left |= right;
        return true;
      case plus:
        left += right;
        return true;
      case minus:
        left -= right;
        return true;
      case shift_left:
        left = right < 64 ? left << right : 0;
        return true;
      case greater_or_equal:
        left = static_cast<std::int64_t>(left) >= static_cast<std::int64_t>(right);
        return true;
      default:
        return false;
    }
  }

  const Registers& registers_;
  Memory& memory_;
  std::vector<std::uint64_t> stack_ = {};
};

}  // namespace

std::optional<std::uint64_t> evaluate(std::span<const unsigned char> expression,
                                      const Registers& registers, Memory& memory,
                                      std::optional<std::uint64_t> initial) {
  Evaluation evaluation(registers, memory);
  if (initial) evaluation.push(*initial);
  DwarfReader in(expression, 0);
  while (!in.done()) {
    if (!evaluation.step(in)) return std::nullopt;
  }
  return in.good() ? evaluation.top() : std::nullopt;
}

}  // namespace tornado::cli
