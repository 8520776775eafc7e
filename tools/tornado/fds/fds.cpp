// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "command.h"
#include "fds/audit.h"
#include "fds/follow.h"
#include "fds/process_text.h"
#include "text/byte_text.h"
#include "text/words.h"

namespace tornado::cli {
namespace {

struct FdsRequest {
  std::vector<std::string> words = {};
  std::vector<std::string> command = {};
  bool only_leaks = false;
  std::string output = {};
  std::string fail_on = "leak";
  std::string allow = {};
  bool every_call = false;
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

bool has_name(pid_t pid, const std::string& name) {
  if (state_in(told_by_proc(pid, "stat")).name == name) return true;
  const auto words = arguments_in(told_by_proc(pid, "cmdline"));
  return !words.empty() && words.front().substr(words.front().rfind('/') + 1) == name;
}

// Processes by the name of their program; never this one.
std::vector<pid_t> pids_of(const std::string& name) {
  std::vector<pid_t> pids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto pid = static_cast<pid_t>(std::atoi(entry.path().filename().c_str()));
    if (pid > 0 && pid != ::getpid() && has_name(pid, name)) pids.push_back(pid);
  }
  if (pids.empty()) {
    throw UsageError(fmt::format("{}: no process has this name", printable(name)));
  }
  std::ranges::sort(pids);
  return pids;
}

std::vector<pid_t> pids_of(const std::vector<std::string>& words) {
  std::vector<pid_t> pids;
  for (const auto& word : words) {
    if (word.empty() || (word[0] >= '0' && word[0] <= '9')) {
      pids.push_back(parse_pid(word));
    } else {
      const auto named = pids_of(word);
      pids.insert(pids.end(), named.begin(), named.end());
    }
  }
  if (pids.empty()) pids.push_back(::getppid());
  return pids;
}

int follow(const Context& context, const FdsRequest& request) {
  if (!request.words.empty()) {
    throw UsageError("either process ids, or a command after --");
  }
  if (request.only_leaks) throw UsageError("--leaks is for process ids");
  return follow_command(context,
                        {request.command, request.output, request.fail_on == "leak",
                         request.every_call, AllowList(request.allow)});
}

int audit(const Context& context, const FdsRequest& request) {
  if (!request.output.empty()) throw UsageError("--output is for a command after --");
  if (request.every_call) throw UsageError("--every-call is for a command after --");
  const int status = audit_processes(context, pids_of(request.words),
                                     {request.only_leaks, AllowList(request.allow)});
  return status == exit_broken && request.fail_on == "none" ? exit_ok : status;
}

void need_proc() {
  if (::access("/proc/self/stat", F_OK) == 0) return;
  throw std::runtime_error("fds needs /proc, which is not mounted");
}

int fds(const Context& context, const FdsRequest& request) {
  if (request.fail_on != "leak" && request.fail_on != "none") {
    throw UsageError(fmt::format("--fail-on {}: no such choice{}", request.fail_on,
                                 hint(request.fail_on, {"leak", "none"})));
  }
  need_proc();
  return request.command.empty() ? audit(context, request) : follow(context, request);
}

constexpr const char* fds_notes =
    "NAME is the name of a program. Without a process, fds shows its own parent.\n"
    "A command is followed until all that it started has ended. Leaks do not include\n"
    "descriptors 0 to 2, descriptors that the caller left open, and descriptors that\n"
    "a process prepared between fork and exec. LIST has numbers, ranges such as\n"
    "10-19, and patterns of kinds, names or details, with commas between.\n"
    "With --json and without --output, the report alone goes to standard error; the\n"
    "command's standard error goes to its standard output.\n"
    "Exit status: 0 clean, 1 leaks, 2 bad input or not all could be read. A command\n"
    "without leaks gives its own status or signal; 126 or 127: it cannot be "
    "executed.\n";

}  // namespace

Command fds_command() {
  const auto request = std::make_shared<FdsRequest>();
  Command command;
  command.name = "fds";
  command.summary = "finds descriptors that leak into executed programs";
  command.usage = {"tornado fds [OPTIONS] [PID|NAME]...",
                   "tornado fds [OPTIONS] -- COMMAND [ARG]..."};
  command.examples = {{"tornado fds 4711", "its descriptors"},
                      {"tornado fds --leaks nginx", "leaks of each nginx"},
                      {"tornado fds -- make test", "leaks of a command"},
                      {"tornado fds --allow '3,/var/log/*' -- ./server", "but these"}};
  command.options = {
      {"--leaks", "", "show only descriptors that would cross an exec",
       &request->only_leaks},
      {"--allow", "LIST", "descriptors that may cross an exec", &request->allow},
      {"--output", "FILE", "for the report on a command (default: standard error)",
       &request->output},
      {"--fail-on", "WHAT", "leak (default) or none: the cause of exit status 1",
       &request->fail_on},
      {"--every-call", "", "stop a command at each system call: slow, no filter",
       &request->every_call}};
  command.json_help = "print one object, whose \"schema\" is 1";
  command.quiet_help = "print only the last line";
  command.notes = fds_notes;
  command.words = &request->words;
  command.after_dashes = &request->command;
  command.run = [request](const Context& context) { return fds(context, *request); };
  return command;
}

}  // namespace tornado::cli
