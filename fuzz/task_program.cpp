// SPDX-License-Identifier: Apache-2.0
#include "fuzz/task_program.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace tornado::fuzz {
namespace {

TaskOp decode_op(Input& input, std::size_t script, std::size_t scripts) {
  TaskOp op;
  op.kind = static_cast<TaskOp::Kind>(input.below(TaskOp::kinds));
  const bool last = script + 1 == scripts;
  const bool plays =
      op.kind == TaskOp::hold || op.kind == TaskOp::start || op.kind >= TaskOp::call;
  if (plays && last) op.kind = TaskOp::moment;
  const unsigned bits = input.byte();
  op.what = bits & 1;
  op.delay = bits >> 1 & 3;
  if ((bits & 8) != 0) op.timeout = static_cast<std::int8_t>(bits >> 4 & 3);
  op.catches = bits >> 6 != 0;
  if (!plays || last) return op;
  const auto later = static_cast<unsigned>(scripts - script - 1);
  const unsigned which = input.byte();
  op.script = static_cast<std::uint8_t>(script + 1 + which % later);
  op.other = static_cast<std::uint8_t>(script + 1 + which / 16 % later);
  return op;
}

constexpr std::array<const char*, TaskOp::kinds> names = {
    "sleep",      "moment",     "fail",          "acquire",      "release",
    "hold",       "put",        "get",           "put_nowait",   "get_nowait",
    "task_done",  "join_queue", "wait_event",    "set_event",    "clear_event",
    "wait_cond",  "notify",     "notify_all",    "start",        "cancel",
    "join_group", "call",       "call_shielded", "call_in_time", "call_both",
    "call_first"};

std::string to_text(const TaskTrace::Line& line) {
  return "at " + std::to_string(line.at) + " task " + std::to_string(line.task) +
         " op " + std::to_string(line.op) + " result " + std::to_string(line.result) +
         " value " + std::to_string(line.value);
}

void tell_difference(const TaskTrace& heard, const TaskTrace& promised) {
  const auto [at, other] = std::ranges::mismatch(heard.lines, promised.lines);
  for (auto line = heard.lines.begin(); line != at; ++line) {
    std::fprintf(stderr, "  %s\n", to_text(*line).c_str());
  }
  const bool ended = at == heard.lines.end();
  const bool none = other == promised.lines.end();
  std::fprintf(stderr, "heard:    %s, %d reports\npromised: %s, %d reports\n",
               ended ? "the end" : to_text(*at).c_str(), heard.reports,
               none ? "the end" : to_text(*other).c_str(), promised.reports);
  for (std::size_t i = 0; i < heard.at_end.size(); ++i) {
    std::fprintf(stderr, "left: %d, promised: %d\n", heard.at_end[i],
                 i < promised.at_end.size() ? promised.at_end[i] : -1);
  }
}

}  // namespace

TaskProgram decode_tasks(Input& input) {
  TaskProgram program;
  program.scripts.resize(1 + input.below(6));
  for (int& permits : program.permits) permits = static_cast<int>(input.below(3));
  for (int& maxsize : program.maxsizes) maxsize = static_cast<int>(input.below(3));
  program.roots = 1 + input.below(6);
  for (std::size_t i = 0; i < program.scripts.size(); ++i) {
    for (unsigned ops = 1 + input.below(7); ops > 0; --ops) {
      program.scripts[i].push_back(decode_op(input, i, program.scripts.size()));
    }
  }
  return program;
}

std::string to_text(const TaskProgram& program) {
  std::string text = std::to_string(program.roots) + " roots\n";
  for (std::size_t i = 0; i < kinds_of_each; ++i) {
    text += "semaphore of " + std::to_string(program.permits[i]) + ", queue of " +
            std::to_string(program.maxsizes[i]) + "\n";
  }
  for (std::size_t i = 0; i < program.scripts.size(); ++i) {
    text += "script " + std::to_string(i) + ":";
    for (const TaskOp& op : program.scripts[i]) {
      text += std::string(" ") + names[op.kind] + "(" + std::to_string(op.what) +
              ", delay " + std::to_string(op.delay) + ", timeout " +
              std::to_string(op.timeout) + ", scripts " + std::to_string(op.script) +
              " " + std::to_string(op.other) + (op.catches ? ", catches)" : ")");
    }
    text += "\n";
  }
  return text;
}

std::size_t compare_tasks(const TaskProgram& program) {
  const TaskTrace heard = play_for_real(program);
  const TaskTrace promised = play_as_promised(program);
  if (heard == promised) return heard.lines.size();
  std::fprintf(stderr, "%s", to_text(program).c_str());
  tell_difference(heard, promised);
  std::abort();
}

}  // namespace tornado::fuzz
