// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <vector>

namespace tornado::bench {

/// The processors that this process may use.
inline std::vector<int> allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

/// Keeps this thread on one of them.
inline void pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

/// Where two threads run.
struct Cores {
  int first;
  int second;
};
inline Cores same_core() {
  const int core = allowed_cores().front();
  return {core, core};
}
/// The last one, as neighbours may be two halves of one core.
inline Cores cross_core() {
  const auto cores = allowed_cores();
  return {cores.front(), cores.back()};
}
inline bool has_two_cores() {
  return allowed_cores().size() > 1;
}

}  // namespace tornado::bench
