// SPDX-License-Identifier: Apache-2.0
// Runs each scenario once for each way in which each of its calls may fail, in a child
// of its own, and looks at what that leaves behind.

#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <random>
#include <sstream>

#include "calls.h"
#include "faults.h"
#include "scenarios.h"
#include "tornado/log.h"

namespace tornado::torture {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

enum Verdict : int { right, reported, wrong, leaked, crashed, hung, never_struck };
constexpr const char* verdict_names[] = {"right",   "reported", "wrong",       "leaked",
                                         "crashed", "hung",     "never_struck"};

/// What a child says of itself.
struct Report {
  char text[512];
};
Report* const report = [] {
  void* const page = ::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return static_cast<Report*>(page);
}();

void say(const std::string& text) {
  std::snprintf(report->text, sizeof report->text, "%s", text.c_str());
}

/// Of a process: what must be the same again.
struct Belongings {
  std::vector<int> numbers = open_numbers();
  long blocks = live_blocks();
};

std::string excess(const Belongings& before) {
  std::ostringstream text;
  for (const int fd : open_numbers()) {
    if (std::ranges::find(before.numbers, fd) == before.numbers.end()) {
      text << " fd " << fd;
    }
  }
  const long blocks = live_blocks() - before.blocks;
  if (blocks > 0) text << " " << blocks << " blocks";
  if (!no_children()) text << " a child";
  return text.str();
}

/// Threads of the library may have something to finish, such as reaping.
std::string excess_after(milliseconds patience, const Belongings& before) {
  const auto end = std::chrono::steady_clock::now() + patience;
  std::string text = excess(before);
  while (!text.empty() && std::chrono::steady_clock::now() < end) {
    ::usleep(500);
    text = excess(before);
  }
  return text;
}

Verdict run_armed(const Scenario& scenario, const Fault& fault) {
  Verdict verdict = reported;
  arm(fault);
  try {
    verdict = scenario.run(scenario.means) ? right : wrong;
  } catch (const std::exception& error) {
    disarm();
    say(error.what());
  }
  disarm();
  if (verdict == wrong) say("another result, and nothing was reported");
  return verdict;
}

/// What is kept once for the process is there after the first time, and does not grow.
Verdict run_here(const Scenario& scenario, const Fault& fault) {
  Belongings before;
  const Verdict verdict = run_armed(scenario, fault);
  const std::uint32_t struck = seen().struck;
  if (excess_after(5ms, before).empty()) {
    return struck == 0 && fault.nth != 0 ? never_struck : verdict;
  }
  before = Belongings();
  run_armed(scenario, fault);
  const std::string more = excess_after(2s, before);
  if (more.empty()) return struck == 0 && fault.nth != 0 ? never_struck : verdict;
  say("left behind:" + more);
  return leaked;
}

Verdict verdict_of(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) <= never_struck) {
    return static_cast<Verdict>(WEXITSTATUS(status));
  }
  say(WIFSIGNALED(status) ? std::string("signal ") + ::sigabbrev_np(WTERMSIG(status))
                          : "exit status " + std::to_string(WEXITSTATUS(status)));
  return crashed;
}

/// In a child, which is given `deadline`.
Verdict run_in_child(const Scenario& scenario, const Fault& fault,
                     milliseconds deadline) {
  report->text[0] = '\0';
  const pid_t pid = ::fork();
  if (pid == -1) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) {
    ::setpgid(0, 0);
    take_part();
    ::_exit(run_here(scenario, fault));
  }
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  pollfd wanted{pidfd, POLLIN, 0};
  const bool ended = ::poll(&wanted, 1, static_cast<int>(deadline.count())) == 1;
  ::close(pidfd);
  if (!ended) ::kill(pid, SIGKILL);
  ::kill(-pid, SIGKILL);  // and what it has started
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (ended) return verdict_of(status);
  say("still running after " + std::to_string(deadline.count()) + " ms");
  return hung;
}

/// What a sound program on a sound kernel may meet, once: it must come out right, or be
/// reported. After the others (EBADF, EPIPE, EIO) a wake may not arrive.
bool is_healthy(const Fault& fault) {
  constexpr int healthy[] = {EINTR,  EMFILE, ENFILE,        ENOBUFS,
                             ENOMEM, ENOSYS, moves_one_byte};
  return !fault.for_ever &&
         std::ranges::find(healthy, fault.error) != std::end(healthy);
}

bool is_bad(Verdict verdict, const Fault& fault) {
  return verdict == leaked || verdict == crashed || verdict == hung ||
         (verdict == wrong && is_healthy(fault));
}

/// A verdict that a busy machine may have caused is had twice.
Verdict judge(const Scenario& scenario, const Fault& fault) {
  Verdict verdict = run_in_child(scenario, fault, 4s);
  if (is_bad(verdict, fault)) verdict = run_in_child(scenario, fault, 20s);
  disarm();
  return verdict;
}

struct Point {
  std::size_t scenario;
  Fault fault;
};

void add_points(std::vector<Point>& points, std::size_t scenario, std::size_t call,
                std::uint32_t count) {
  for (std::uint32_t nth = 1; nth <= count; ++nth) {
    for (const int error : calls[call].errors) {
      if (error == 0) break;
      for (const bool for_ever : {false, true}) {
        points.push_back({scenario, {call, nth, error, for_ever}});
      }
    }
  }
}

/// Runs all without a fault, and counts.
std::vector<Point> points_of(const std::vector<Scenario>& all, bool& good) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < all.size(); ++i) {
    arm({});
    const Verdict verdict = judge(all[i], {});
    if (verdict != right) {
      good = false;
      std::cout << all[i].name << ": " << verdict_names[verdict]
                << " without a fault: " << report->text << std::endl;
    }
    const Seen counted = seen();
    for (std::size_t call = 0; call < calls.size(); ++call) {
      // A call that is made while it waits for others may be made any number of times.
      add_points(points, i, call, std::min(counted.counts[call], 200U));
    }
  }
  return points;
}

struct Wanted {
  std::string scenario;
  std::string fault;
  std::size_t points = 0;
  std::uint64_t seed = std::random_device{}();
  bool list = false;
};

Fault parse(const std::string& text) {
  std::istringstream in(text);
  std::string site, error, duration;
  in >> site;
  if (const auto dot = site.rfind('.'); dot == std::string::npos) {
    std::string rest;
    in >> rest;
    site += " " + rest;
  }
  in >> error >> duration;
  const auto dot = site.rfind('.');
  const Fault fault{call_id(site.substr(0, dot)),
                    static_cast<std::uint32_t>(std::stoul(site.substr(dot + 1))),
                    error_of(error), duration == "for-ever"};
  if (fault.call == calls.size()) throw std::out_of_range(site);
  return fault;
}

int torture_all(const std::vector<Scenario>& all, const Wanted& wanted) {
  bool good = true;
  std::vector<Point> points = points_of(all, good);
  const std::size_t found = points.size();
  if (wanted.points > 0) {
    std::mt19937_64 random(wanted.seed);
    for (std::size_t i = points.size(); i > 1; --i) {
      std::swap(points[i - 1], points[random() % i]);
    }
    points.resize(std::min(points.size(), wanted.points));
    std::cout << "seed " << wanted.seed << std::endl;
  }
  std::map<Verdict, std::size_t> verdicts;
  for (const Point& point : points) {
    const Verdict verdict = judge(all[point.scenario], point.fault);
    ++verdicts[verdict];
    if (!is_bad(verdict, point.fault)) continue;
    good = false;
    std::cout << verdict_names[verdict] << ": --scenario " << all[point.scenario].name
              << " --fault '" << to_string(point.fault) << "': " << report->text
              << std::endl;
  }
  std::cout << all.size() << " scenarios, " << found << " fault points, "
            << points.size() << " run:";
  for (const auto& [verdict, count] : verdicts) {
    std::cout << " " << count << " " << verdict_names[verdict];
  }
  std::cout << std::endl;
  return good ? 0 : 1;
}

int run(const Wanted& wanted) {
  constexpr rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  set_log_sink([](LogLevel, std::string_view) noexcept {});
  std::vector<Scenario> all = scenarios();
  if (!wanted.scenario.empty()) {
    std::erase_if(all, [&](const Scenario& scenario) {
      return !scenario.name.starts_with(wanted.scenario);
    });
  }
  if (wanted.list) {
    for (const Scenario& scenario : all) std::cout << scenario.name << "\n";
    return 0;
  }
  if (wanted.fault.empty()) return torture_all(all, wanted);
  bool good = true;
  arm({});  // makes what the children share
  for (const Scenario& scenario : all) {
    const Fault fault = parse(wanted.fault);
    const Verdict verdict = judge(scenario, fault);
    good = good && !is_bad(verdict, fault);
    std::cout << scenario.name << ": " << verdict_names[verdict] << ": " << report->text
              << "\n";
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace tornado::torture

int main(int argc, char** argv) {
  tornado::torture::Wanted wanted;
  CLI::App app("Each call fails once and for ever, in each way that it may");
  app.add_option("--scenario", wanted.scenario, "Those whose names begin so");
  app.add_option("--fault", wanted.fault, "One, as it was printed");
  app.add_option("--points", wanted.points, "As many, chosen by the seed; 0: all");
  app.add_option("--seed", wanted.seed, "Of the choice");
  app.add_flag("--list", wanted.list, "The names of the scenarios");
  CLI11_PARSE(app, argc, argv);
  return tornado::torture::run(wanted);
}
