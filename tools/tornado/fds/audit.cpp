// SPDX-License-Identifier: Apache-2.0
#include "fds/audit.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "fds/descriptor_words.h"
#include "text/byte_text.h"
#include "text/json.h"
#include "text/table.h"
#include "tornado/audit.h"

namespace tornado::cli {
namespace {

struct Audit {
  pid_t pid;
  std::vector<DescriptorInfo> descriptors = {};
  std::size_t leaks = 0;
  std::string error = {};
};

bool leaks(const DescriptorInfo& d) {
  return d.number > STDERR_FILENO && !d.close_exec;
}

Audit audit(pid_t pid) {
  Audit result = {pid};
  try {
    result.descriptors = audit_descriptors(pid);
  } catch (const std::system_error& error) {
    result.error = error.what();
  }
  result.leaks = static_cast<std::size_t>(
      std::count_if(result.descriptors.begin(), result.descriptors.end(), leaks));
  return result;
}

Cell verdict(const DescriptorInfo& d) {
  if (leaks(d)) return {"leaks", Tone::bad};
  if (d.close_exec) return {"closed at exec", Tone::good};
  return {"standard stream", Tone::note};
}

void print_table(Output& out, const Audit& audit, bool only_leaks) {
  Table table(
      {Align::right, Align::left, Align::left, Align::right, Align::left, Align::left});
  table.heading({"FD", "KIND", "FLAGS", "OFFSET", "VERDICT", "NAME"});
  for (const auto& d : audit.descriptors) {
    if (only_leaks && !leaks(d)) continue;
    table.add({std::to_string(d.number), d.kind, status_words(d.flags),
               d.offset < 0 ? "-" : std::to_string(d.offset), verdict(d),
               printable(d.target)});
  }
  table.print(out);
}

void print(Output& out, const Audit& audit, bool only_leaks, bool quiet) {
  if (!audit.error.empty()) return;
  if (!quiet) {
    out.print("{}\n", out.paint(Tone::title, fmt::format("process {}", audit.pid)));
    if (!only_leaks || audit.leaks > 0) print_table(out, audit, only_leaks);
  }
  const auto all = audit.descriptors.size();
  if (audit.leaks == 0) {
    out.print(
        "{}: process {} has {} open and would pass on none but its standard "
        "streams\n",
        out.paint(Tone::good, "clean"), audit.pid, all);
  } else {
    out.print(
        "{}: process {} would pass {} of its {} descriptors on to a program that "
        "it executes\n",
        out.paint(Tone::bad, "leaks"), audit.pid, audit.leaks, all);
  }
}

Json described(const DescriptorInfo& d) {
  Json object;
  object.set("fd", d.number).set("kind", d.kind);
  set_bytes(object, "name", d.target);
  object.set("flags", status_words(d.flags)).set("status_flags", d.flags);
  object.set("close_on_exec", d.close_exec);
  object.set("offset_bytes", d.offset < 0 ? Json::null() : Json(d.offset));
  object.set("verdict", leaks(d)       ? "leaks"
                        : d.close_exec ? "closed_at_exec"
                                       : "standard_stream");
  return object;
}

Json described(const std::vector<Audit>& audits, bool only_leaks) {
  Json processes = Json::array();
  for (const auto& audit : audits) {
    Json one;
    one.set("pid", audit.pid).set("leaks", audit.leaks);
    one.set("error", audit.error.empty() ? Json::null() : Json(audit.error));
    Json descriptors = Json::array();
    for (const auto& d : audit.descriptors) {
      if (!only_leaks || leaks(d)) descriptors.push(described(d));
    }
    one.set("descriptors", std::move(descriptors));
    processes.push(std::move(one));
  }
  Json object;
  object.set("schema", 1).set("processes", std::move(processes));
  return object;
}

}  // namespace

int audit_processes(const Context& context, const std::vector<pid_t>& pids,
                    bool only_leaks) {
  std::vector<Audit> audits;
  int status = exit_ok;
  for (const pid_t pid : pids) {
    const Audit& one = audits.emplace_back(audit(pid));
    if (!one.error.empty()) {
      write_all(STDERR_FILENO, fmt::format("tornado fds: {}\n", one.error));
      status = exit_usage;
    } else if (one.leaks > 0 && status == exit_ok) {
      status = exit_broken;
    }
  }
  if (context.json) {
    context.out.write(described(audits, only_leaks).text());
  } else {
    for (const auto& one : audits) print(context.out, one, only_leaks, context.quiet);
  }
  return status;
}

}  // namespace tornado::cli
