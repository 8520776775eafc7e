// SPDX-License-Identifier: Apache-2.0
// One scenario with one fault, in a child; and a look at what that leaves behind.
#include "trial.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <system_error>

#include "process/exit_wait.h"
#include "support/child.h"
#include "testing/fault_ledger.h"

namespace tornado::torture {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// What a child says of itself.
struct Report {
  bool struck;
  char text[512];
};

Report& report() {
  static Report* const page =
      static_cast<Report*>(::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  return *page;
}

void say(const std::string& text) {
  std::snprintf(report().text, sizeof report().text, "%s", text.c_str());
}

/// The numbers below 256 that are open.
std::vector<int> open_numbers() {
  std::array<pollfd, 256> looked_at{};
  for (int fd = 0; pollfd & one : looked_at) one.fd = fd++;
  ::poll(looked_at.data(), looked_at.size(), 0);
  std::vector<int> numbers;
  for (const pollfd& one : looked_at) {
    if ((one.revents & POLLNVAL) == 0) numbers.push_back(one.fd);
  }
  return numbers;
}

/// Of a process: what must be the same again.
struct Belongings {
  std::vector<int> numbers = open_numbers();
  long blocks = faults::live_blocks();
};

std::string excess(const Belongings& before) {
  reap_abandoned();  // as a later spawn would
  std::ostringstream text;
  for (const int fd : open_numbers()) {
    if (std::ranges::find(before.numbers, fd) == before.numbers.end()) {
      text << " fd " << fd;
    }
  }
  const long blocks = faults::live_blocks() - before.blocks;
  if (blocks > 0) text << " " << blocks << " blocks";
  if (test::has_children()) text << " a child";
  return text.str();
}

/// Threads of the library may have something to finish, such as reaping.
std::string excess_after(milliseconds time, const Belongings& before) {
  const auto end = std::chrono::steady_clock::now() + time;
  std::string text = excess(before);
  while (!text.empty() && std::chrono::steady_clock::now() < end) {
    ::usleep(500);
    text = excess(before);
  }
  return text;
}

Verdict run_armed(const Trial& trial, milliseconds patience) {
  Means means = trial.scenario->means;
  means.patience = patience;
  Verdict verdict = reported;
  faults::arm(trial.fault);
  if (trial.limit.kind == Limit::closed) faults::forbid_low_numbers();
  try {
    verdict = trial.scenario->run(means) ? right : wrong;
  } catch (const std::exception& error) {
    faults::disarm();
    say(error.what());
  }
  faults::disarm();
  if (verdict == wrong) say("another result, and nothing was reported");
  return verdict;
}

/// A run that lost something without a fault had too little time.
Verdict struck_or(Verdict verdict, const Trial& trial) {
  report().struck = faults::struck() > 0;
  const bool unharmed = trial.fault.error != 0 && !report().struck;
  return unharmed && verdict != wrong ? never_struck : verdict;
}

/// State that the process keeps is there after the first time, and does not grow.
Verdict run_here(const Trial& trial, milliseconds patience) {
  Belongings before;
  const Verdict verdict = struck_or(run_armed(trial, patience), trial);
  if (faults::low_number_used()) {
    say("uses 0, 1 or 2");
    return crashed;
  }
  if (excess_after(5ms, before).empty()) return verdict;
  before = Belongings();
  run_armed(trial, patience);
  const std::string more = excess_after(2s, before);
  if (more.empty()) return verdict;
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

bool ends_within(milliseconds time, pid_t pid) {
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  pollfd wanted{pidfd, POLLIN, 0};
  const bool ended = ::poll(&wanted, 1, static_cast<int>(time.count())) == 1;
  ::close(pidfd);
  return ended;
}

Verdict run_in_child(const Trial& trial, milliseconds patience, milliseconds deadline) {
  report() = {};
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == -1) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) {
    ::setpgid(0, 0);
    impose(trial.limit, 100'000 + static_cast<unsigned>(parent));
    faults::take_part();
    ::_exit(run_here(trial, patience));
  }
  const bool ended = ends_within(deadline, pid);
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
  constexpr int healthy[] = {0,       EINTR,  EMFILE, ENFILE,
                             ENOBUFS, ENOMEM, ENOSYS, moves_one_byte};
  return !fault.persistent &&
         std::ranges::find(healthy, fault.error) != std::end(healthy);
}

bool is_bad(Verdict verdict, const Trial& trial) {
  const bool unharmed = trial.fault.error == 0 && trial.limit.kind == Limit::none;
  return verdict == leaked || verdict == crashed || verdict == hung ||
         (verdict == wrong && (is_healthy(trial.fault) || !report().struck)) ||
         (verdict == reported && unharmed);
}

}  // namespace

const char* name_of(Verdict verdict) {
  constexpr const char* names[verdict_count] = {
      "right", "reported", "wrong", "leaked", "crashed", "hung", "never_struck"};
  return names[verdict];
}

std::string to_string(const Trial& trial) {
  std::string text = "--scenario " + trial.scenario->name;
  if (trial.fault.error != 0) text += " --fault '" + to_string(trial.fault) + "'";
  if (trial.limit.kind != Limit::none) {
    text += " --limit '" + to_string(trial.limit) + "'";
  }
  return text;
}

// A verdict that a busy machine may have caused is had twice.
Judgement judge(const Trial& trial) {
  Verdict verdict = run_in_child(trial, 150ms, 4s);
  faults::disarm();  // a child that was killed could not
  if (is_bad(verdict, trial)) verdict = run_in_child(trial, 10s, 60s);
  faults::disarm();
  return {verdict, is_bad(verdict, trial), report().text};
}

}  // namespace tornado::torture
