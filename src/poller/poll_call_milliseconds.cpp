// SPDX-License-Identifier: Apache-2.0
// Where there is no ppoll: macOS.
#include <algorithm>
#include <climits>

#include "poller/poll_call.h"

namespace tornado {

int call_poll(std::vector<pollfd>& polled, std::chrono::nanoseconds timeout) noexcept {
  using std::chrono::milliseconds;
  int wait = -1;
  if (timeout >= timeout.zero()) {
    const milliseconds whole = std::chrono::ceil<milliseconds>(timeout);
    wait = static_cast<int>(std::min<milliseconds::rep>(whole.count(), INT_MAX));
  }
  return ::poll(polled.data(), static_cast<nfds_t>(polled.size()), wait);
}

}  // namespace tornado
