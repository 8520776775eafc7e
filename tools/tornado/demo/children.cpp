// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "demo/demo.h"
#include "demo/inherited.h"
#include "system/interrupt.h"
#include "system/worker.h"
#include "text/table.h"
#include "text/words.h"
#include "tornado/fd.h"
#include "tornado/ioloop.h"
#include "tornado/platform.h"

namespace tornado::cli {
namespace {

constexpr std::uint64_t children_wanted = 200;
constexpr std::size_t openers = 2;

struct Report {
  bool complete = false;  ///< the list came to its end, and the child left with 0
  std::vector<std::string> lines;
};

// A plain fork and exec of this program, which then lists the descriptors that it got.
// The loop reads the list.
class Child {
 public:
  explicit Child(IOLoop& loop) : loop_(loop) {}

  Report run() {
    FdPair pipe = make_pipe();
    const pid_t pid = ::fork();
    if (pid < 0) throw std::system_error(errno, std::system_category(), "fork");
    if (pid == 0) become_lister(pipe.second.get());
    pipe.second.reset();
    loop_.add_handler(
        pipe.first.get(), [this](NativeFd fd, Events) { read_all(fd); }, Events::read);
    // No StopOnInterrupt: the child is awaited, whatever comes.
    loop_.start();
    loop_.remove_handler(pipe.first.get());
    return report_of(wait_for(pid));
  }

 private:
  // Async-signal-safe calls only: other threads may have held any lock at the fork.
  [[noreturn]] static void become_lister(int out) {
    static const char* const arguments[] = {"tornado", inherited_word.data(), nullptr};
    if (::dup2(out, STDOUT_FILENO) >= 0) {
      ::execv("/proc/self/exe", const_cast<char* const*>(arguments));
    }
    ::_exit(127);
  }

  void read_all(int fd) {
    std::array<char, 4096> bytes;
    for (;;) {
      const ssize_t n = ::read(fd, bytes.data(), bytes.size());
      if (n > 0) text_.append(bytes.data(), static_cast<std::size_t>(n));
      if (n < 0 && errno == EINTR) continue;
      if (n == 0 || (n < 0 && errno != EAGAIN)) loop_.stop();
      if (n <= 0) return;
    }
  }

  static int wait_for(pid_t pid) {
    int status = -1;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  [[nodiscard]] Report report_of(int status) const {
    Report report;
    std::istringstream text(text_);
    for (std::string line; std::getline(text, line);) report.lines.push_back(line);
    report.complete =
        status == 0 && !report.lines.empty() && report.lines.back() == inherited_end;
    if (report.complete) report.lines.pop_back();
    return report;
  }

  IOLoop& loop_;
  std::string text_;
};

struct Way {
  const char* name;
  const char* what;
  void (*open_and_close)();
};

void naive_pipe() {
  std::array<int, 2> ends = {};
  // The point of the demonstration: born unmarked, and marked a moment later.
  if (::pipe(ends.data()) != 0) return;  // NOLINT(android-cloexec-pipe)
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  set_close_exec(reader.get());
  set_close_exec(writer.get());
}

constexpr std::array<Way, 2> ways = {{
    {"naive", "pipe(), then set_close_exec()", naive_pipe},
    {"library", "tornado::make_pipe()", [] { (void)make_pipe(); }},
}};

struct Tally {
  std::uint64_t children = 0;
  std::uint64_t incomplete = 0;
  std::uint64_t leaky = 0;        ///< children that got at least one
  std::uint64_t descriptors = 0;  ///< that they got
  std::string example;
  std::uint64_t opened = 0;
};

// Opens and closes on threads for as long as it lives.
class Openers {
 public:
  explicit Openers(const Way& way) {
    for (std::size_t i = 0; i < openers; ++i) {
      workers_.emplace_back([this, &way] { work(way); });
    }
  }
  ~Openers() { over_ = true; }
  Openers(const Openers&) = delete;
  Openers& operator=(const Openers&) = delete;

  [[nodiscard]] std::uint64_t opened() const { return opened_; }

 private:
  void work(const Way& way) {
    while (!over_) {
      try {
        way.open_and_close();
      } catch (const std::system_error&) {
        continue;  // no descriptor to spare just now
      }
      ++opened_;
    }
  }

  std::atomic<bool> over_{false};
  std::atomic<std::uint64_t> opened_{0};
  std::vector<Worker> workers_;  // joined before the rest goes
};

std::string number_of(const std::string& line) {
  return line.substr(0, line.find(' '));
}

// The descriptors that a child gets from our own parent, before the demo opens any.
std::set<std::string> stray_numbers(IOLoop& loop) {
  const Report report = Child(loop).run();
  if (!report.complete) {
    throw std::runtime_error("a child that lists its descriptors cannot be executed");
  }
  std::set<std::string> numbers;
  for (const auto& line : report.lines) numbers.insert(number_of(line));
  return numbers;
}

void count(Tally& tally, const Report& report, const std::set<std::string>& stray) {
  ++tally.children;
  if (!report.complete) ++tally.incomplete;
  std::uint64_t foreign = 0;
  for (const auto& line : report.lines) {
    if (stray.contains(number_of(line))) continue;
    ++foreign;
    tally.example = line;
  }
  tally.descriptors += foreign;
  if (foreign > 0) ++tally.leaky;
}

Tally play(const Way& way, IOLoop& loop, const std::set<std::string>& stray,
           Stage& stage) {
  Tally tally;
  const Openers opening(way);
  const TimePoint end = Clock::now() + stage.share(0.12);
  while (tally.children < children_wanted && !interrupted() &&
         (Clock::now() < end || tally.children == 0)) {
    stage.progress.show(fmt::format("children: the {} way, {} of {}", way.name,
                                    tally.children, children_wanted));
    const Report report = Child(loop).run();
    // Ctrl-C reaches the child too, which then has no say.
    if (!interrupted()) count(tally, report, stray);
  }
  tally.opened = opening.opened();
  return tally;
}

void print_tallies(Output& out, const std::array<Tally, 2>& tallies) {
  using enum Align;
  Table table({left, right, right, right, right, left});
  table.heading({"beside threads that call", "opened", "children", "leaky", "leaked",
                 "one of them"});
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const Tally& t = tallies[i];
    table.add({ways[i].what,
               with_commas(t.opened),
               with_commas(t.children),
               {with_commas(t.leaky), t.leaky ? Tone::bad : Tone::good},
               with_commas(t.descriptors),
               t.example});
  }
  table.print(out);
}

Json json_of(const Tally& t) {
  Json one;
  one.set("children", t.children).set("children_incomplete", t.incomplete);
  one.set("children_leaky", t.leaky).set("descriptors_leaked", t.descriptors);
  one.set("pipes_opened", t.opened);
  return one;
}

}  // namespace

Part demo_children(Stage& stage) {
  if (::access("/proc/self/exe", F_OK) != 0) {
    throw NotTried("/proc is not mounted, and tells what a child inherited");
  }
  Part part;
  IOLoop loop(IOLoop::Options{stage.pollers.front(), WakerKind::best, false});
  const auto stray = stray_numbers(loop);
  std::array<Tally, 2> tallies;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    if (!interrupted()) tallies[i] = play(ways[i], loop, stray, stage);
    part.figures.set(ways[i].name, json_of(tallies[i]));
    part.verdict.expect(
        tallies[i].incomplete == 0,
        fmt::format("children without a complete report: {}", tallies[i].incomplete));
  }
  const auto& [naive, library] = tallies;
  part.verdict.expect(
      library.leaky == 0,
      fmt::format("{} of {} children got descriptors of the library, such as {}",
                  library.leaky, library.children, library.example));
  part.figures.set("descriptors_stray", stray.size());
  part.summary =
      fmt::format("naive: {} of {} got a foreign descriptor; library: {} of {}",
                  naive.leaky, naive.children, library.leaky, library.children);
  stage.progress.clear();
  print_tallies(stage.out, tallies);
  if (naive.leaky == 0 && naive.children > 0) {
    stage.out.print("  The race did not show itself this time; it is there.\n");
  }
  return part;
}

}  // namespace tornado::cli
