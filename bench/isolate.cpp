// SPDX-License-Identifier: Apache-2.0
#include "isolate.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <utility>

#include "call_count.h"
#include "json.h"

namespace tornado::bench {
namespace {

constexpr unsigned longest = 60;  // seconds
constexpr unsigned longest_traced = 120;

struct Running {
  ::pid_t pid;
  int results;
};

void write_all(int fd, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const auto n = ::write(fd, text.data() + done, text.size() - done);
    if (n <= 0) std::_Exit(1);
    done += static_cast<std::size_t>(n);
  }
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  ssize_t n = 0;
  while ((n = ::read(fd, buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(fd);
  return text;
}

[[noreturn]] void run_in_child(const Contestant& contestant, Round& round, int fd) {
  try {
    contestant.run(round);
  } catch (const std::exception& error) {
    check(false, error.what());
  }
  const Json json = {{"figures", round.figures()},
                     {"curve", round.curve()},
                     {"operations", round.operations()}};
  write_all(fd, json.dump());
  std::_Exit(0);
}

Running start(const Contestant& contestant, Round round) {
  std::fflush(nullptr);
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("pipe");
  const ::pid_t pid = ::fork();
  if (pid == -1) throw std::runtime_error("fork");
  if (pid == 0) {
    ::close(ends[0]);
    ::alarm(round.counting() ? longest_traced : longest);
    if (round.counting()) stop_to_be_traced();
    run_in_child(contestant, round, ends[1]);
  }
  ::close(ends[1]);
  return {pid, ends[0]};
}

Round finish(const Contestant& contestant, int status, const std::string& text,
             Round round) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
    throw std::runtime_error(contestant.name + " hung, or took too long");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error(contestant.name + " failed");
  }
  const Json json = Json::parse(text);
  for (const auto& [metric, value] : json["figures"].items()) {
    round.set(metric, value.get<double>());
  }
  round.set_curve(json["curve"].get<std::vector<double>>());
  round.set_operations(static_cast<std::size_t>(json["operations"].get<double>()));
  return round;
}

}  // namespace

Round run_alone(const Contestant& contestant, bool quick) {
  const Round round(quick, false);
  const Running running = start(contestant, round);
  const std::string text = read_all(running.results);
  int status = 0;
  ::waitpid(running.pid, &status, 0);
  return finish(contestant, status, text, round);
}

std::optional<CallCount> count_calls(const Contestant& contestant, bool quick) {
  const Round round(quick, true);
  const Running running = start(contestant, round);
  const Traced traced = trace(running.pid);
  const std::string text = read_all(running.results);
  if (traced.forbidden) return std::nullopt;
  const double operations = finish(contestant, traced.status, text, round).operations();
  CallCount result;
  for (const auto& [number, count] : traced.calls) {
    result[call_name(number)] += static_cast<double>(count) / operations;
  }
  return result;
}

}  // namespace tornado::bench
