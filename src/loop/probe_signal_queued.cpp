// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "loop/probe_signal.h"

namespace tornado {

bool send_probe(pthread_t thread, void* cookie) noexcept {
  const sigval value{.sival_ptr = cookie};
  return ::pthread_sigqueue(thread, SIGURG, value) == 0;
}

bool is_probe(const siginfo_t& info, const void* cookie) noexcept {
  return info.si_code == SI_QUEUE && info.si_pid == ::getpid() &&
         info.si_value.sival_ptr == cookie;
}

}  // namespace tornado
