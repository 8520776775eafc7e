// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>

#include "tornado/fork_processes.h"

namespace tornado {

int cpu_count() {
  return std::max(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace tornado
