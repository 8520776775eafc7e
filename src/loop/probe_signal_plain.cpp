// SPDX-License-Identifier: Apache-2.0
// A signal for one thread cannot carry a value here (macOS, the BSDs, musl): any that
// comes to the thread while it is probed is taken for the probe.
#include <atomic>

#include "loop/probe_signal.h"

namespace tornado {
namespace {

std::atomic<pthread_t> probed{};
static_assert(std::atomic<pthread_t>::is_always_lock_free);

}  // namespace

bool send_probe(pthread_t thread, void*) noexcept {
  probed.store(thread);
  return ::pthread_kill(thread, SIGURG) == 0;
}

bool is_probe(const siginfo_t&, const void*) noexcept {
  return ::pthread_equal(::pthread_self(), probed.load()) != 0;
}

}  // namespace tornado
