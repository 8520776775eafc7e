// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <charconv>
#include <memory>
#include <system_error>

#include "command.h"
#include "run/procfile.h"
#include "run/supervisor.h"
#include "system/file.h"
#include "text/byte_text.h"
#include "text/words.h"

namespace tornado::cli {
namespace {

constexpr std::string_view between = ":::";

struct RunRequest {
  std::vector<std::string> files = {};
  std::vector<std::string> commands = {};
  std::string restart = "never";
  std::string max_restarts = {};
  std::string backoff = "500ms";
  std::string grace = "10s";
  bool keep_going = false;
  bool no_time = false;
};

[[noreturn]] void refuse_file(const std::string& path, const std::string& why) {
  throw UsageError(fmt::format("{}: {}", printable(path), why));
}

std::string dashes_hint(const std::string& path) {
  return "; a command stands behind dashes: tornado run -- " + printable(path);
}

[[noreturn]] void refuse_text(const std::string& path, const std::string& text,
                              const std::string& why) {
  if (::access(path.c_str(), X_OK) != 0) refuse_file(path, why);
  const bool binary = text.find('\0') != std::string::npos;
  refuse_file(path, (binary ? "a program, not a Procfile" : why) + dashes_hint(path));
}

std::string read_procfile(const std::string& path, bool by_default) {
  constexpr std::size_t most = std::size_t{1} << 20;
  std::string text;
  try {
    text = read_file(path, most + 1);
  } catch (const std::system_error& error) {
    const bool missing = error.code() == std::errc::no_such_file_or_directory;
    refuse_file(path, error.code().message() +
                          (missing && !by_default ? dashes_hint(path) : ""));
  }
  if (text.size() > most) refuse_text(path, text, "more than 1 MiB, not a Procfile");
  return text;
}

std::vector<Job> jobs_of_procfile(const std::vector<std::string>& files) {
  const std::string path = files.empty() ? "Procfile" : files.front();
  const std::string text = read_procfile(path, files.empty());
  std::vector<Job> jobs;
  try {
    for (auto& entry : parse_procfile(text)) {
      jobs.push_back(
          {.name = std::move(entry.name), .shell = std::move(entry.command)});
    }
  } catch (const UsageError& error) {
    refuse_text(path, text, error.what());
  }
  return jobs;
}

std::string unique_name(const std::vector<Job>& jobs, const std::string& program) {
  const std::string base = printable(program.substr(program.rfind('/') + 1));
  std::string name = base;
  const auto taken = [&jobs](const std::string& n) {
    for (const Job& job : jobs) {
      if (job.name == n) return true;
    }
    return false;
  };
  for (int i = 2; taken(name); ++i) name = fmt::format("{}.{}", base, i);
  return name;
}

std::vector<Job> jobs_of_words(const std::vector<std::string>& words) {
  std::vector<Job> jobs;
  std::vector<std::string> argv;
  const auto add = [&] {
    if (argv.empty()) throw UsageError("\":::\" stands between two commands");
    std::string name = unique_name(jobs, argv.front());
    jobs.push_back({.name = std::move(name), .argv = std::exchange(argv, {})});
  };
  for (const auto& word : words) {
    if (word == between) {
      add();
    } else {
      argv.push_back(word);
    }
  }
  add();
  return jobs;
}

Restart parse_restart(const std::string& word) {
  if (word == "never") return Restart::never;
  if (word == "on-failure") return Restart::on_failure;
  if (word == "always") return Restart::always;
  throw UsageError(fmt::format("--restart {}: no such choice{}", printable(word),
                               hint(word, {"never", "on-failure", "always"})));
}

std::optional<unsigned> parse_count(const std::string& option,
                                    const std::string& word) {
  if (word.empty()) return {};
  unsigned count = 0;
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, count);
  if (error != std::errc() || stop != end) {
    throw UsageError(fmt::format("{} {}: not a number", option, printable(word)));
  }
  return count;
}

std::chrono::nanoseconds parse_time(const std::string& option,
                                    const std::string& word) {
  const auto time = parse_duration(word);
  if (!time) {
    throw UsageError(
        fmt::format("{} {}: not a time such as 5s or 250ms", option, printable(word)));
  }
  return *time;
}

int run_jobs(const Context& context, const RunRequest& request) {
  if (context.json) throw UsageError("--json: run writes what its commands write");
  if (!request.files.empty() && !request.commands.empty()) {
    throw UsageError("either a Procfile, or commands after --");
  }
  if (request.files.size() > 1) {
    throw UsageError(
        fmt::format("{}: one Procfile is enough{}", printable(request.files[1]),
                    dashes_hint(request.files[0] + " " + request.files[1])));
  }
  SupervisorOptions options;
  options.restart = parse_restart(request.restart);
  options.max_restarts = parse_count("--max-restarts", request.max_restarts);
  options.backoff = parse_time("--backoff", request.backoff);
  options.grace = parse_time("--grace", request.grace);
  options.keep_going = request.keep_going;
  options.quiet = context.quiet;
  options.style = {!request.no_time, look_at(STDOUT_FILENO, context.color).colour,
                   look_at(STDERR_FILENO, context.color).colour};
  auto jobs = request.commands.empty() ? jobs_of_procfile(request.files)
                                       : jobs_of_words(request.commands);
  return Supervisor(std::move(jobs), options).run();
}

constexpr const char* run_notes =
    "A Procfile has lines such as \"web: ./server --port 8080\", each for sh.\n"
    "A command gets no input, a process group, and no descriptor but its own three.\n"
    "Marks in front of its lines: | its words, + the rest of a long line or of a\n"
    "prompt, * what happens to it. All commands stop when one fails, at Ctrl-C and at\n"
    "SIGTERM, or when the reader of the output is gone: the last one first, SIGTERM,\n"
    "then SIGKILL. A second Ctrl-C kills at once. Ctrl-Z stops all until they are\n"
    "continued. SIGHUP, SIGUSR1 and SIGUSR2 go to every command.\n"
    "Exit status: 0 all commands succeeded; else the first failure's, 128 + N for\n"
    "signal N, 126 or 127 if it cannot be executed; 130 or 143 after Ctrl-C or\n"
    "SIGTERM, 141 without a reader; 2 bad input.\n";

}  // namespace

Command run_command() {
  const auto request = std::make_shared<RunRequest>();
  Command command;
  command.name = "run";
  command.summary = "runs commands side by side, and stops them in order";
  command.usage = {
      "tornado run [OPTIONS] [PROCFILE]",
      "tornado run [OPTIONS] -- COMMAND [ARG]... [::: COMMAND [ARG]...]..."};
  command.examples = {
      {"tornado run", "commands of ./Procfile"},
      {"tornado run -- ./web ::: ./worker -v", "two commands"},
      {"tornado run --restart on-failure dev.proc", "restart after a failure"},
      {"tornado run --keep-going -- make lint ::: make test", "both to their ends"}};
  command.options = {
      {"--restart", "WHEN", "never (default), on-failure or always", &request->restart},
      {"--max-restarts", "N", "restarts of each command in a row (default: no limit)",
       &request->max_restarts},
      {"--backoff", "TIME", "delay of the first restart, then doubled (default 500ms)",
       &request->backoff},
      {"--grace", "TIME", "from SIGTERM to SIGKILL (default 10s)", &request->grace},
      {"--keep-going", "", "a failure does not stop the other commands",
       &request->keep_going},
      {"--no-time", "", "print no time in front of the lines", &request->no_time}};
  command.quiet_help = "print no lines marked *";
  command.notes = run_notes;
  command.words = &request->files;
  command.after_dashes = &request->commands;
  command.run = [request](const Context& context) {
    return run_jobs(context, *request);
  };
  return command;
}

}  // namespace tornado::cli
