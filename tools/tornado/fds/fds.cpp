// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <charconv>
#include <memory>

#include "command.h"
#include "fds/audit.h"
#include "fds/follow.h"
#include "text/byte_text.h"
#include "text/words.h"

namespace tornado::cli {
namespace {

struct Request {
  std::vector<std::string> pids = {};
  std::vector<std::string> command = {};
  bool only_leaks = false;
  std::string output = {};
  std::string fail_on = "leak";
};

pid_t parse_pid(const std::string& word) {
  pid_t pid = 0;
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, pid);
  if (error != std::errc() || stop != end || pid <= 0) {
    throw UsageError(fmt::format("{}: not a process id", printable(word)));
  }
  return pid;
}

int follow(const Context& context, const Request& request) {
  if (!request.pids.empty()) {
    throw UsageError("either process ids, or a command after --");
  }
  if (request.only_leaks) throw UsageError("--leaks is for process ids");
  return follow_command(context,
                        {request.command, request.output, request.fail_on == "leak"});
}

int audit(const Context& context, const Request& request) {
  if (!request.output.empty()) throw UsageError("--output is for a command after --");
  std::vector<pid_t> pids;
  for (const auto& word : request.pids) pids.push_back(parse_pid(word));
  if (pids.empty()) pids.push_back(::getppid());
  const int status = audit_processes(context, pids, request.only_leaks);
  return status == exit_broken && request.fail_on == "none" ? exit_ok : status;
}

int fds(const Context& context, const Request& request) {
  if (request.fail_on != "leak" && request.fail_on != "none") {
    throw UsageError(fmt::format("--fail-on {}: no such choice{}", request.fail_on,
                                 hint(request.fail_on, {"leak", "none"})));
  }
  return request.command.empty() ? audit(context, request) : follow(context, request);
}

constexpr const char* notes =
    "Without a PID: the process that started this one. A command is followed until\n"
    "all that it started has ended. Not counted: 0 to 2, what its caller left open,\n"
    "what is handed over between fork and exec. Not seen: makers in 32-bit code,\n"
    "io_uring, recvmmsg, most ioctls. Set-id programs get no privilege.\n"
    "Exit status: 0 clean, 1 leaks, 2 bad input or could not look. With a command: 1\n"
    "leaks, else as the command, signals too; 126 or 127 if it cannot be executed.\n";

}  // namespace

Command fds_command() {
  const auto request = std::make_shared<Request>();
  Command command;
  command.name = "fds";
  command.summary = "which descriptors leak into executed programs, and who made them";
  command.usage = {"tornado fds [OPTIONS] [PID]...",
                   "tornado fds [OPTIONS] -- COMMAND [ARG]..."};
  command.json_help = "print one object, whose \"schema\" is 1";
  command.quiet_help = "print only the last line";
  command.examples = {
      {"tornado fds 4711", "what is open in process 4711"},
      {"tornado fds --leaks 4711", "only what its next program would get"},
      {"tornado fds -- make test", "run it, and find its leaks"},
      {"tornado fds --json -- ./server", "the same as one object, for scripts"}};
  command.options = {
      {"--leaks", "", "only what would cross an exec", &request->only_leaks},
      {"--output", "FILE", "where the report on a command goes; standard error",
       &request->output},
      {"--fail-on", "WHAT", "leak (default) or none: what makes the exit status 1",
       &request->fail_on}};
  command.notes = notes;
  command.words = &request->pids;
  command.after_dashes = &request->command;
  command.run = [request](const Context& context) { return fds(context, *request); };
  return command;
}

}  // namespace tornado::cli
