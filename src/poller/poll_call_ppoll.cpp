// SPDX-License-Identifier: Apache-2.0
#include "poller/poll_call.h"
#include "poller/timeout.h"

namespace tornado {

int call_poll(std::vector<pollfd>& polled, std::chrono::nanoseconds timeout) noexcept {
  const KernelTimeout kernel_timeout(timeout);
  return ::ppoll(polled.data(), static_cast<nfds_t>(polled.size()),
                 kernel_timeout.get(), nullptr);
}

}  // namespace tornado
