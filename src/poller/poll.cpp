// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include "platform/system_error.h"
#include "poller/poll_set.h"
#include "poller/poller.h"
#include "poller/timeout.h"

namespace tornado {
namespace {

struct PollCalls {
  using Polled = pollfd;
  static constexpr short gone = POLLNVAL;

  static void check(const char*, NativeFd) noexcept {}

  static int call(std::vector<pollfd>& polled, std::chrono::nanoseconds timeout) {
    const KernelTimeout kernel_timeout(timeout);
    const int n = ::ppoll(polled.data(), static_cast<nfds_t>(polled.size()),
                          kernel_timeout.get(), nullptr);
    if (n == -1 && errno != EINTR) throw_errno("poll");
    return n;
  }

  static short to_system(Events events) noexcept {
    int mask = 0;  // POLLERR and POLLHUP are always reported
    if (has(events, Events::read)) mask |= POLLIN;
    if (has(events, Events::write)) mask |= POLLOUT;
    return static_cast<short>(mask);
  }

  static Events from_system(short, short found) noexcept {
    Events events = Events::none;
    if (found & POLLIN) events |= Events::read;
    if (found & POLLOUT) events |= Events::write;
    if (found & (POLLERR | POLLHUP)) events |= Events::error;
    return events;
  }
};

}  // namespace

const PollerBackend poll_backend = {
    PollerKind::poll, "poll",
    []() -> std::unique_ptr<Poller> { return std::make_unique<PollSet<PollCalls>>(); }};

}  // namespace tornado
