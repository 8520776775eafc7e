// SPDX-License-Identifier: Apache-2.0
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

struct Request {
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

std::vector<Job> jobs_of_procfile(const std::string& path) {
  std::vector<Job> jobs;
  try {
    for (auto& entry : parse_procfile(read_file(path))) {
      jobs.push_back(
          {.name = std::move(entry.name), .shell = std::move(entry.command)});
    }
  } catch (const UsageError& error) {
    refuse_file(path, error.what());
  } catch (const std::system_error& error) {
    refuse_file(path, error.code().message());
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

int run_jobs(const Context& context, const Request& request) {
  if (context.json) throw UsageError("--json: run writes what its commands write");
  if (!request.files.empty() && !request.commands.empty()) {
    throw UsageError("either a Procfile, or commands after --");
  }
  if (request.files.size() > 1) {
    throw UsageError(
        fmt::format("{}: one Procfile is enough", printable(request.files[1])));
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
  auto jobs =
      request.commands.empty()
          ? jobs_of_procfile(request.files.empty() ? "Procfile" : request.files.front())
          : jobs_of_words(request.commands);
  return Supervisor(std::move(jobs), options).run();
}

constexpr const char* notes =
    "A Procfile has lines such as \"web: ./server --port 8080\", each for the shell.\n"
    "Every command has no input, a process group of its own, and no descriptor but "
    "its\n"
    "own three. In front of its lines: | as they are, + the rest of one longer than\n"
    "64 KiB, * what happens to it. When one fails, Ctrl-C or SIGTERM comes, or nobody\n"
    "reads the output any more, all are stopped, the last one first: SIGTERM, then\n"
    "SIGKILL. A second Ctrl-C kills at once. SIGHUP, SIGUSR1 and SIGUSR2 are "
    "forwarded.\n"
    "Exit status: 0 if all ended well; else that of the first failure, 128 + N if it\n"
    "was signal N, 126 or 127 if it could not be executed; 130 or 143 when stopped by\n"
    "a signal, 141 when nobody read; 2 bad input.\n";

}  // namespace

Command run_command() {
  const auto request = std::make_shared<Request>();
  Command command;
  command.name = "run";
  command.summary =
      "commands side by side, their lines in one stream, stopped in order";
  command.examples = {
      {"tornado run", "what the Procfile here says"},
      {"tornado run -- ./web ::: ./worker -v", "two commands"},
      {"tornado run --restart on-failure dev.proc", "and start again who fails"},
      {"tornado run --keep-going -- make lint ::: make test", "all to their ends"}};
  command.options = {
      {"--restart", "WHEN", "never (default), on-failure or always", &request->restart},
      {"--max-restarts", "N", "of each command, in a row; unlimited",
       &request->max_restarts},
      {"--backoff", "TIME", "before the first restart; twice as long each time; 500ms",
       &request->backoff},
      {"--grace", "TIME", "between SIGTERM and SIGKILL; 10s", &request->grace},
      {"--keep-going", "", "when one fails the others go on", &request->keep_going},
      {"--no-time", "", "no time in front of the lines", &request->no_time}};
  command.notes = notes;
  command.words = &request->files;
  command.after_dashes = &request->commands;
  command.run = [request](const Context& context) {
    return run_jobs(context, *request);
  };
  return command;
}

}  // namespace tornado::cli
