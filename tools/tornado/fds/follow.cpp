// SPDX-License-Identifier: Apache-2.0
#include "fds/follow.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "fds/trace_command.h"
#include "fds/trace_report.h"
#include "fds/tracer.h"
#include "text/byte_text.h"
#include "tornado/audit.h"

namespace tornado::cli {
namespace {

constexpr int exit_not_found = 127;  // as env and timeout do
constexpr int exit_not_executable = 126;

// What this process would hand on, which has nothing of its own without close-on-exec.
DescriptorTable handed_on() {
  DescriptorTable table;
  for (const auto& descriptor : audit_descriptors()) {
    if (descriptor.close_exec || descriptor.number <= STDERR_FILENO) continue;
    auto origin = std::make_shared<Origin>();
    origin->kind = Origin::Kind::inherited_from_caller;
    origin->fd = descriptor.number;
    table.set(descriptor.number, std::move(origin), false);
  }
  return table;
}

TraceRecord trace(TracedCommand& command, const PendingSignals& signals) {
  return Tracer(command, signals, handed_on()).run();
}

void allow(TraceRecord& record, const AllowList& list) {
  for (auto& execution : record.executions) {
    for (auto& crossing : execution.crossings) {
      crossing.allowed = list.contains(crossing.descriptor, crossing.detail);
    }
  }
}

void say_why_not(const FollowOptions& options, const std::system_error& error) {
  std::string text = "tornado fds: cannot follow " +
                     printable(options.command.front()) + ": " + error.what();
  if (error.code() == std::errc::operation_not_permitted) {
    text += " (tracing is forbidden here, or the command is traced already)";
  }
  write_all(STDERR_FILENO, text + "\n");
}

// As if this process had been the command, but without a second core file.
[[noreturn]] void die_of(int number) {
  const rlimit none = {0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::signal(number, SIG_DFL);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, number);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(number);
  ::_exit(128 + number);
}

void write_report(const Context& context, const FollowOptions& options,
                  const TraceRecord& record, const UniqueFd& file) {
  const int fd = file ? file.get() : STDERR_FILENO;
  Output out(look_at(fd, context.color));
  if (context.json) {
    out.write(json_report(record, options.command).text());
  } else {
    print_report(out, record, context.quiet);
  }
  out.flush(fd);
}

// The result of follow_command(); negative for a signal.
int follow(const Context& context, const FollowOptions& options, const UniqueFd& file) {
  // Holds signals back until the report is written.
  const PendingSignals signals;
  // A report in JSON needs a stream of its own.
  const bool err_into_out = context.json && !file;
  TracedCommand command(options.command, signals, {options.every_call, err_into_out});
  TraceRecord record = trace(command, signals);
  allow(record, options.allowed);
  if (const auto error = command.exec_error()) {
    const std::system_error what(*error, std::system_category(),
                                 "exec " + options.command.front());
    write_all(STDERR_FILENO, std::string("tornado fds: ") + what.what() + "\n");
    return *error == ENOENT ? exit_not_found : exit_not_executable;
  }
  write_report(context, options, record, file);
  if (options.leaks_fail && record.leaking_executions() > 0) return exit_broken;
  if (options.leaks_fail && record.unseen_executions() > 0) return exit_usage;
  return WIFSIGNALED(record.status) ? -WTERMSIG(record.status)
                                    : WEXITSTATUS(record.status);
}

}  // namespace

int follow_command(const Context& context, const FollowOptions& options) {
  UniqueFd file;
  if (!options.output.empty()) {
    file = open_file(options.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC);
  }
  int result = 0;
  try {
    result = follow(context, options, file);
  } catch (const std::system_error& error) {
    say_why_not(options, error);
    return exit_usage;
  }
  if (result < 0) die_of(-result);
  return result;
}

}  // namespace tornado::cli
