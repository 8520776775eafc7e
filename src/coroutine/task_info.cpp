// SPDX-License-Identifier: Apache-2.0
#include "tornado/task_info.h"

#include <algorithm>
#include <string_view>

#include "coroutine/task_trace.h"
#include "tornado/coroutine_frame.h"

namespace tornado {
namespace detail {
namespace {

std::uint64_t id_of(const TaskFrame* root) noexcept {
  return reinterpret_cast<std::uintptr_t>(root);
}

const TaskFrame* root_of(const TaskFrame* frame) noexcept {
  while (frame && frame->parent()) frame = frame->parent();
  return frame;
}

/// The end of the parameters or template arguments that begin at `at`.
std::size_t end_of_brackets(std::string_view text, std::size_t at) noexcept {
  int depth = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '<' || c == '(') ++depth;
    if ((c == '>' || c == ')') && --depth == 0) return at + 1;
  }
  return at;
}

bool skip(std::string_view& text, std::string_view prefix) noexcept {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::string short_name(std::string_view signature) {
  std::string_view text = signature.substr(0, signature.find(" ["));  // of templates
  std::string name;
  while (!text.empty()) {
    if (skip(text, "{anonymous}::") || skip(text, "(anonymous namespace)::")) continue;
    if (skip(text, "(anonymous class)::operator()") || text.starts_with("<lambda(")) {
      name += "lambda";
    } else if (skip(text, "operator")) {
      const std::size_t symbol = text.find('(', text.starts_with("()") ? 1 : 0);
      name.append("operator").append(text.substr(0, symbol));
      text.remove_prefix(std::min(symbol, text.size()));
    } else if (text.front() == ' ') {
      // What was read was the type of the result, or this and the rest qualify.
      if (text.starts_with(" const") || text.starts_with(" &")) break;
      name.clear();
      text.remove_prefix(1);
      continue;
    } else if (text.front() != '<' && text.front() != '(') {
      name += text.front();
      text.remove_prefix(1);
      continue;
    }
    if (text.starts_with('<') || text.starts_with('(')) {
      text.remove_prefix(end_of_brackets(text, 0));
    }
  }
  return name;
}

std::string place(const std::source_location& where) {
  const std::string_view file = where.file_name();
  const auto slash = file.find_last_of("/\\");
  return std::string(slash == file.npos ? file : file.substr(slash + 1)) + ":" +
         std::to_string(where.line());
}

std::string describe(const std::source_location& function,
                     const std::source_location& where) {
  std::string text =
      short_name(function.function_name()) + " (" + place(function) + ")";
  if (where.line() != 0) text += " at " + place(where);
  return text;
}

TaskInfo TaskScheduler::info_of(const TaskFrame& root, const TaskScope& scope,
                                std::uint32_t now) {
  TaskInfo info;
  info.id = id_of(&root);
  info.awaited_by = id_of(root_of(scope.owner()));
  const TaskFrame* frame = &root;
  for (;;) {
    const bool begun_by_other = frame == &root && !frame->suspension() && !frame->begun;
    info.chain.push_back(
        {frame->function, begun_by_other ? std::source_location() : frame->where});
    const Suspension* const wait = frame->suspension();
    if (wait && !wait->child() && !wait->over) {
      info.waits_for = wait->describe();
      info.waiting = std::chrono::milliseconds(now - frame->since);
    }
    if (!wait || !wait->child()) return info;
    frame = wait->child();
  }
}

std::vector<TaskInfo> TaskScheduler::tasks(std::chrono::nanoseconds now) const {
  const std::uint32_t ms = in_milliseconds(now);
  std::vector<TaskInfo> all;
  for (auto* link = scopes_.next; link != &scopes_; link = link->next) {
    const auto& scope = static_cast<const TaskScope&>(*link);
    for (auto* root = scope.roots_.next; root != &scope.roots_; root = root->next) {
      all.push_back(info_of(static_cast<const TaskFrame&>(*root), scope, ms));
    }
  }
  return all;
}

}  // namespace detail

std::string to_string(const TaskInfo& task) {
  std::string text;
  for (const TaskInfo::Place& one : task.chain) {
    if (!text.empty()) text += " > ";
    text += detail::describe(one.function, one.where);
  }
  text += task.waits_for.empty() ? ": ready" : ": " + task.waits_for;
  if (task.waiting.count() > 0) {
    text += " for " + std::to_string(task.waiting.count()) + " ms";
  }
  return text;
}

}  // namespace tornado
