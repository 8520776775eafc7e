// SPDX-License-Identifier: Apache-2.0
#include "fuzz/program.h"

#include <array>
#include <string_view>
#include <utility>

namespace tornado::fuzz {
namespace {

using Kind = Op::Kind;

constexpr unsigned most_operations = 150;
constexpr int deepest = 3;

struct Name {
  Kind kind;
  std::string_view name;
  bool has_body = false;
};
constexpr std::array names = {
    Name{Kind::open, "open"},
    Name{Kind::duplicate, "duplicate"},
    Name{Kind::close, "remove_handler, close"},
    Name{Kind::close_late, "close, remove_handler"},
    Name{Kind::write, "write"},
    Name{Kind::fill, "fill"},
    Name{Kind::drain, "drain"},
    Name{Kind::add_handler, "add_handler", true},
    Name{Kind::update_handler, "update_handler"},
    Name{Kind::remove_handler, "remove_handler"},
    Name{Kind::add_callback, "add_callback", true},
    Name{Kind::spawn_callback, "spawn_callback", true},
    Name{Kind::from_signal, "add_callback_from_signal", true},
    Name{Kind::call_at, "call_at", true},
    Name{Kind::remove_timeout, "remove_timeout"},
    Name{Kind::update_timeout, "update_timeout"},
    Name{Kind::stop, "stop"},
    Name{Kind::leave, "throw"},
    Name{Kind::start, "start"},
    Name{Kind::policy, "exception policy"},
    Name{Kind::close_loop, "close the loop"},
    Name{Kind::fork, "fork, after_fork"},
};

// What ends a program, or is slow, only for a byte or two of 256.
const Name& pick(unsigned byte) {
  static constexpr unsigned common = names.size() - 2;
  if (byte < 254) return names[byte % common];
  return names[common + byte - 254];
}

Program decode(Input& input, unsigned& left, int depth) {
  Program program;
  while (!input.empty() && left > 0) {
    const unsigned first = input.byte();
    if (depth > 0 && first >= 160 && first < 254) return program;
    --left;
    const Name& name = pick(first);
    Op op{name.kind, input.below(places), input.byte(), {}};
    if (name.has_body && depth < deepest) op.body = decode(input, left, depth + 1);
    program.push_back(std::move(op));
  }
  return program;
}

}  // namespace

Program decode(Input& input) {
  unsigned left = most_operations;
  return decode(input, left, 0);
}

std::string to_text(const Program& program, int indent) {
  std::string text;
  for (const Op& op : program) {
    text.append(static_cast<std::size_t>(2 * indent), ' ');
    for (const Name& name : names) {
      if (name.kind == op.kind) text += name.name;
    }
    text += " " + std::to_string(op.place) + " " + std::to_string(op.value);
    if (!op.body.empty()) text += " {\n" + to_text(op.body, indent + 1);
    if (!op.body.empty())
      text += std::string(static_cast<std::size_t>(2 * indent), ' ') + "}";
    text += "\n";
  }
  return text;
}

}  // namespace tornado::fuzz
