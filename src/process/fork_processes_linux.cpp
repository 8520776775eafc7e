// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <limits>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "platform/fd.h"
#include "platform/log.h"
#include "platform/signal_blocker.h"
#include "platform/system_error.h"
#include "process/fork_processes.h"
#include "process/launch.h"
#include "process/proc_linux.h"
#include "tornado/fork_processes.h"

namespace tornado {
namespace {

constexpr double unlimited = std::numeric_limits<double>::infinity();

int affinity_count() {
  // The kernel refuses a mask shorter than its own.
  for (std::size_t words = 16; words <= 4096; words *= 2) {
    std::vector<cpu_set_t> mask(words * sizeof(long) / sizeof(cpu_set_t) + 1);
    const std::size_t size = mask.size() * sizeof(cpu_set_t);
    if (::sched_getaffinity(0, size, mask.data()) == 0) {
      return CPU_COUNT_S(size, mask.data());
    }
  }
  return static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
}

// Nothing to read for a file that is not there. An std::ifstream may open descriptor 0.
std::istringstream text_of(const std::string& path) {
  try {
    return std::istringstream(read_text(path));
  } catch (const std::system_error&) {
    return {};
  }
}

// "max 100000" or "150000 100000"
double quota_of_version_2(const std::string& directory) {
  std::istringstream file = text_of(directory + "/cpu.max");
  double quota, period;
  return file >> quota >> period && period > 0 ? quota / period : unlimited;
}

double quota_of_version_1(const std::string& directory) {
  std::istringstream quota_file = text_of(directory + "/cpu.cfs_quota_us");
  std::istringstream period_file = text_of(directory + "/cpu.cfs_period_us");
  double quota, period;
  if (!(quota_file >> quota) || !(period_file >> period)) return unlimited;
  return quota > 0 && period > 0 ? quota / period : unlimited;
}

// The least of a group and those around it.
template <class QuotaOf>
double least_quota(const std::string& root, std::string path, QuotaOf quota_of) {
  double least = quota_of(root);
  while (path.size() > 1) {
    least = std::min(least, quota_of(root + path));
    path.resize(path.rfind('/'));
  }
  return least;
}

bool names_cpu(const std::string& controllers) {
  std::istringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

double quota() {
  double least = unlimited;
  std::istringstream groups =
      text_of("/proc/self/cgroup");  // "4:cpu,cpuacct:/a/b", "0::/a/b"
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      least = std::min(least, least_quota("/sys/fs/cgroup", path, quota_of_version_2));
    } else if (names_cpu(controllers)) {
      least =
          std::min(least, least_quota("/sys/fs/cgroup/cpu", path, quota_of_version_1));
    }
  }
  return least;
}

// 0 is the pid of a parent outside this pid namespace.
bool is_gone(int parent, const StopSignals& signals) noexcept {
  const int now = ::getppid();
  return now == 0 ? signals.parent_is_gone() : now != parent;
}

void follow(int parent, int signal, const StopSignals& signals) {
  if (signal == 0) return;
  if (::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(signal)) == -1) {
    log(LogLevel::warning, "prctl PR_SET_PDEATHSIG: " + last_error().message());
  }
  if (!is_gone(parent, signals)) return;
  ::raise(signal);
  // The first process of a pid namespace survives that.
  if (signal == SIGKILL) ::_exit(128 + SIGKILL);
}

}  // namespace

int cpu_count() {
  const int processors = affinity_count();
  const double allowed = std::ceil(quota());
  return std::max(1, allowed < processors ? static_cast<int>(allowed) : processors);
}

ForkedWorker fork_worker(StopSignals& signals, int parent_death_signal) {
  const int parent = ::getpid();
  const SignalBlocker blocker;
  ForkedWorker worker;
  worker.pid = ::fork();
  if (worker.pid == -1) throw_errno("fork");
  if (worker.pid == 0) {
    signals.leave();
    follow(parent, parent_death_signal, signals);
  } else {
    worker.process = open_pidfd(worker.pid);
  }
  return worker;
}

}  // namespace tornado
