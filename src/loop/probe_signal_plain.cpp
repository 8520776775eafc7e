// SPDX-License-Identifier: Apache-2.0
// A signal for one thread cannot carry a value here (macOS, the BSDs, musl): any that
// comes while a probe is under way is taken for it.
#include "loop/probe_signal.h"

namespace tornado {

bool send_probe(pthread_t thread, void*) noexcept {
  return ::pthread_kill(thread, SIGURG) == 0;
}

bool is_probe(const siginfo_t&, const void*) noexcept {
  return true;
}

}  // namespace tornado
