// SPDX-License-Identifier: Apache-2.0
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "platform/fd.h"
#include "platform/system_error.h"
#include "platform/wake_mechanism.h"

namespace tornado {
namespace {

FdPair open_eventfd() {
  return {adopt(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"), UniqueFd()};
}

bool drain_eventfd(NativeFd reader) noexcept {
  std::uint64_t count;
  const auto n = retry_eintr([&] { return ::read(reader, &count, sizeof count); });
  return n == sizeof count || (n == -1 && errno == EAGAIN);
}

void signal_eventfd(NativeFd writer) noexcept {
  const std::uint64_t one = 1;
  const auto add = [&] { return ::write(writer, &one, sizeof one); };
  if (retry_eintr(add) != -1 || errno != EAGAIN) return;
  // The counter is at its maximum, so the eventfd is readable. But a loop that waits
  // for edges needs a write, which succeeds once the counter has been read.
  drain_eventfd(writer);
  retry_eintr(add);
}

}  // namespace

const WakeMechanism wake_by_eventfd = {WakerKind::eventfd, "eventfd", &open_eventfd,
                                       &signal_eventfd, &drain_eventfd};

}  // namespace tornado
