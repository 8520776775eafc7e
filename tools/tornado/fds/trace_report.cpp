// SPDX-License-Identifier: Apache-2.0
#include "fds/trace_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <tuple>

#include "fds/descriptor_words.h"
#include "text/byte_text.h"

namespace tornado::cli {
namespace {

constexpr std::size_t most_callers = 4;
constexpr std::size_t most_programs = 8;

// One descriptor of one maker, and the programs that got it.
struct Leak {
  const Crossing* crossing;
  std::vector<const Execution*> programs;
};

enum class CrossingVerdict { leaks, given, from_caller, allowed };

CrossingVerdict verdict_of(const Crossing& crossing) {
  if (crossing.from_caller()) return CrossingVerdict::from_caller;
  if (crossing.given) return CrossingVerdict::given;
  return crossing.allowed ? CrossingVerdict::allowed : CrossingVerdict::leaks;
}

std::vector<Leak> all_of(const TraceRecord& record, CrossingVerdict verdict) {
  using Key = std::tuple<const Origin*, const Origin*, int, std::string, std::string>;
  std::map<Key, std::size_t> known;
  std::vector<Leak> leaks;
  for (const auto& execution : record.executions) {
    for (const auto& c : execution.crossings) {
      if (verdict_of(c) != verdict) continue;
      const Key key(c.origin.get(), c.unmarked.get(), c.descriptor.number,
                    c.descriptor.target, c.origin ? "" : execution.executed_by);
      const auto [entry, fresh] = known.try_emplace(key, leaks.size());
      if (fresh) leaks.push_back({&c, {}});
      leaks[entry->second].programs.push_back(&execution);
    }
  }
  return leaks;
}

std::string headline(const Crossing& crossing) {
  const DescriptorInfo& d = crossing.descriptor;
  const std::string& detail = crossing.detail;
  return fmt::format("fd {}  {}  ({}, {}{}{})", d.number, printable(d.target), d.kind,
                     status_words(d.flags), detail.empty() ? "" : ", ",
                     printable(detail));
}

std::string command_line(const Execution& execution) {
  constexpr std::size_t room = 48;
  std::string text;
  for (const auto& word : execution.arguments) {
    text += (text.empty() ? "" : " ") + printable(word);
    if (text.size() > room) break;
  }
  return cut(text, room);
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// The language's own: the C library, the loader, the C++ library.
bool is_runtime(const std::string& module) {
  constexpr std::array<std::string_view, 8> names = {
      "libc.so",     "libc-",     "ld-linux",  "ld-musl",
      "libpthread.", "libstdc++", "libc++.so", "[vdso]"};
  return std::ranges::any_of(names, [name = base_name(module)](auto prefix) {
    return name.starts_with(prefix);
  });
}

// Names of templates can fill a screen.
std::string shortened(const std::string& function) {
  constexpr std::size_t room = 60;
  return cut(function, room);
}

// "function+0x12 at file:7  [module+0x1234]"
std::string to_string(const Place& place) {
  std::string text =
      place.function.empty()
          ? std::string("?")
          : fmt::format("{}+{:#x}", shortened(place.function), place.offset);
  if (!place.file.empty()) text += fmt::format(" at {}:{}", place.file, place.line);
  return text + fmt::format("  [{}+{:#x}]", base_name(place.module), place.address);
}

// The function of the C library that the program called, then the program's own.
void print_site(Output& out, const CallSite& site) {
  const auto places = places_of(site);
  auto own = std::find_if(places.begin(), places.end(),
                          [](const Place& p) { return !is_runtime(p.module); });
  const bool none = own == places.end();
  if (none) own = places.begin();
  if (own != places.begin()) out.print("      {}\n", printable(to_string(*(own - 1))));
  for (std::size_t n = 0; own != places.end() && n < most_callers; ++own, ++n) {
    if (is_runtime(own->module) && !none) break;
    out.print("      {}\n", printable(to_string(*own)));
  }
}

void print_origin(Output& out, const char* verb, const Origin& origin) {
  if (origin.kind == Origin::Kind::inherited_from_caller) {
    out.print("    {} fd {}, which the caller of tornado left open\n", verb, origin.fd);
    return;
  }
  const auto number = origin.fd < 0 ? "" : fmt::format(", as fd {}", origin.fd);
  out.print("    {} {} in {}, process {}{}\n", verb, origin.call,
            printable(origin.program), origin.pid, number);
  print_site(out, origin.site);
}

void print_history(Output& out, const Leak& leak) {
  const auto& origin = leak.crossing->origin;
  const auto& unmarked = leak.crossing->unmarked;
  if (!origin) {
    out.print("    made by a call that is not followed, in {} or before\n",
              printable(leak.programs.front()->executed_by));
  } else {
    print_origin(out, origin->copied_from ? "copied by" : "made by", *origin);
    for (auto from = origin->copied_from; from; from = from->copied_from) {
      print_origin(out, "which copied", *from);
    }
  }
  if (unmarked) print_origin(out, "close-on-exec taken away by", *unmarked);
}

void print_programs(Output& out, const Leak& leak) {
  std::size_t n = 0;
  for (const auto* program : leak.programs) {
    if (++n > most_programs) {
      out.print("    and into {} more programs\n",
                leak.programs.size() - most_programs);
      return;
    }
    out.print("    into {}, process {}: {}\n", printable(program->program),
              program->pid, command_line(*program));
  }
}

void print_uncounted(Output& out, const TraceRecord& record, CrossingVerdict verdict,
                     const char* what) {
  for (const auto& one : all_of(record, verdict)) {
    const std::size_t n = one.programs.size();
    out.print("{}, not counted: {}, {} program{}\n", what, headline(*one.crossing), n,
              n == 1 ? "" : "s");
  }
}

void print_limits(Output& out, const TraceRecord& record) {
  for (const auto& execution : record.executions) {
    if (!execution.problem.empty()) {
      out.print("not seen: descriptors of {}, process {}: {}\n",
                printable(execution.program), execution.pid, execution.problem);
    }
    if (execution.refused_strict) {
      out.print(
          "disturbed: {}, process {}, asked for strict seccomp, which the filter of "
          "tornado\nforbids; try again with --every-call\n",
          printable(execution.program), execution.pid);
    }
    if (execution.foreign_machine) {
      out.print(
          "not followed: where {}, process {}, makes descriptors: it is for "
          "another machine\n",
          printable(execution.program), execution.pid);
    }
  }
  if (record.ended > 0) {
    out.print("killed: {} processes that outlived the command, because of a signal\n",
              record.ended);
  }
}

void print_sum(Output& out, std::size_t leaks, const TraceRecord& record) {
  const std::size_t all = record.executions.size();
  const auto programs = fmt::format("{} executed program{}", all, all == 1 ? "" : "s");
  if (const std::size_t unseen = record.unseen_executions(); leaks == 0 && unseen > 0) {
    out.print(
        "unknown: no descriptor was seen to leak, but {} of {} could not be read\n",
        unseen, programs);
  } else if (leaks == 0) {
    out.print("{}: no descriptor leaked into {}\n", out.paint(Tone::good, "clean"),
              programs);
  } else {
    out.print("{}: {} descriptor{} leaked into {} of {}\n",
              out.paint(Tone::bad, "leaks"), leaks, leaks == 1 ? "" : "s",
              record.leaking_executions(), programs);
  }
}

}  // namespace

void print_report(Output& out, const TraceRecord& record, bool quiet) {
  const auto leaks = all_of(record, CrossingVerdict::leaks);
  if (!quiet) {
    for (const auto& leak : leaks) {
      out.print("{} {}\n", out.paint(Tone::bad, "leak"), headline(*leak.crossing));
      print_history(out, leak);
      print_programs(out, leak);
    }
    print_uncounted(out, record, CrossingVerdict::given,
                    "handed over between fork and exec");
    print_uncounted(out, record, CrossingVerdict::from_caller,
                    "inherited from the caller");
    print_uncounted(out, record, CrossingVerdict::allowed, "allowed");
    print_limits(out, record);
    if (!call_sites_known && !leaks.empty()) {
      out.print(
          "not seen: where in the programs, as this tornado was built without "
          "libdw\n");
    }
  }
  print_sum(out, leaks.size(), record);
}

}  // namespace tornado::cli
