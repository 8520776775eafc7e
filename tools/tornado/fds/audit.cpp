// SPDX-License-Identifier: Apache-2.0
#include "fds/audit.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "fds/descriptor_words.h"
#include "fds/process_text.h"
#include "text/byte_text.h"
#include "text/json.h"
#include "text/table.h"
#include "tornado/audit.h"

namespace tornado::cli {
namespace {

struct Row {
  DescriptorInfo descriptor;
  std::string detail;
  bool allowed;

  [[nodiscard]] bool leaks() const {
    return descriptor.number > STDERR_FILENO && !descriptor.close_exec && !allowed;
  }
};

struct Audit {
  pid_t pid;
  std::string name = {};
  std::vector<Row> rows = {};
  std::size_t leaks = 0;
  std::string error = {};
};

// The thread to ask: the first one of a process may have ended before the others.
pid_t live_thread(pid_t pid) {
  std::error_code ignored;
  const auto tasks = fmt::format("/proc/{}/task", pid);
  for (const auto& task : std::filesystem::directory_iterator(tasks, ignored)) {
    const auto tid = static_cast<pid_t>(std::atoi(task.path().filename().c_str()));
    if (const char state = state_in(told_by_proc(tid, "stat")).state;
        state != 'Z' && state != 'X' && state != '\0') {
      return tid;
    }
  }
  return pid;
}

// Why a process has no descriptors to look at; empty if it has.
std::string obstacle(pid_t pid, const ProcessState& process) {
  if (process.is_kernel_thread) {
    return fmt::format("process {} ({}) is a kernel thread: it has no descriptors", pid,
                       printable(process.name));
  }
  if (process.state != 'Z' || live_thread(pid) != pid) return {};
  return fmt::format(
      "process {} ({}) is a zombie: it has ended, and process {} has not reaped it",
      pid, printable(process.name), family_in(told_by_proc(pid, "status")).parent);
}

void read_rows(Audit& audit, char state, const AllowList& allowed) {
  const pid_t asked = state == 'Z' ? live_thread(audit.pid) : audit.pid;
  DescriptorDetails details(asked);
  for (auto& descriptor : audit_descriptors(asked)) {
    std::string detail = details.of(descriptor);
    const bool allows = allowed.contains(descriptor, detail);
    Row& row =
        audit.rows.emplace_back(Row{std::move(descriptor), std::move(detail), allows});
    if (row.leaks()) ++audit.leaks;
  }
}

Audit audit(pid_t pid, const AllowList& allowed) {
  Audit result = {pid};
  const ProcessState process = state_in(told_by_proc(pid, "stat"));
  result.name = process.name;
  result.error = obstacle(pid, process);
  if (!result.error.empty()) return result;
  try {
    read_rows(result, process.state, allowed);
  } catch (const std::system_error& error) {
    result.error = error.what();
  }
  return result;
}

Cell verdict(const Row& row) {
  if (row.leaks()) return {"leaks", Tone::bad};
  if (row.descriptor.close_exec) return {"closed at exec", Tone::good};
  if (row.descriptor.number <= STDERR_FILENO) return {"standard stream", Tone::note};
  return {"allowed", Tone::note};
}

void print_table(Output& out, const Audit& audit, bool only_leaks) {
  Table table(
      {Align::right, Align::left, Align::left, Align::right, Align::left, Align::left});
  table.heading({"FD", "KIND", "FLAGS", "OFFSET", "VERDICT", "NAME"});
  for (const auto& row : audit.rows) {
    if (only_leaks && !row.leaks()) continue;
    const DescriptorInfo& d = row.descriptor;
    std::string name = printable(d.target);
    if (!row.detail.empty()) name += "  " + printable(row.detail);
    table.add({std::to_string(d.number), d.kind, status_words(d.flags),
               d.offset < 0 ? "-" : std::to_string(d.offset), verdict(row), name});
  }
  table.print(out);
}

void print(Output& out, const Audit& audit, bool only_leaks, bool quiet) {
  if (!audit.error.empty()) return;
  if (!quiet) {
    out.print("{}\n", out.paint(Tone::title, fmt::format("process {} ({})", audit.pid,
                                                         printable(audit.name))));
    if (!only_leaks || audit.leaks > 0) print_table(out, audit, only_leaks);
  }
  const auto all = audit.rows.size();
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

Json described(const Row& row) {
  const DescriptorInfo& d = row.descriptor;
  Json object;
  object.set("fd", d.number).set("kind", d.kind);
  set_bytes(object, "name", d.target);
  object.set("detail", row.detail.empty() ? Json::null() : Json(printable(row.detail)));
  object.set("flags", status_words(d.flags)).set("status_flags", d.flags);
  object.set("close_on_exec", d.close_exec);
  object.set("offset_bytes", d.offset < 0 ? Json::null() : Json(d.offset));
  object.set("verdict", row.leaks()                 ? "leaks"
                        : d.close_exec              ? "closed_at_exec"
                        : d.number <= STDERR_FILENO ? "standard_stream"
                                                    : "allowed");
  return object;
}

Json described(const std::vector<Audit>& audits, bool only_leaks) {
  Json processes = Json::array();
  for (const auto& audit : audits) {
    Json one;
    one.set("pid", audit.pid);
    set_bytes(one, "program", audit.name);
    one.set("leaks", audit.leaks);
    one.set("error", audit.error.empty() ? Json::null() : Json(audit.error));
    Json descriptors = Json::array();
    for (const auto& row : audit.rows) {
      if (!only_leaks || row.leaks()) descriptors.push(described(row));
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
                    const AuditOptions& options) {
  std::vector<Audit> audits;
  int status = exit_ok;
  for (const pid_t pid : pids) {
    const Audit& one = audits.emplace_back(audit(pid, options.allowed));
    if (!one.error.empty()) {
      write_all(STDERR_FILENO, fmt::format("tornado fds: {}\n", one.error));
      status = exit_usage;
    } else if (one.leaks > 0 && status == exit_ok) {
      status = exit_broken;
    }
  }
  if (context.json) {
    context.out.write(described(audits, options.only_leaks).text());
  } else {
    for (const auto& one : audits)
      print(context.out, one, options.only_leaks, context.quiet);
  }
  return status;
}

}  // namespace tornado::cli
