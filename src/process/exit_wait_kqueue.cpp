// SPDX-License-Identifier: Apache-2.0
#include <system_error>

#include "platform/fd.h"
#include "platform/kernel_queue.h"
#include "platform/system_error.h"
#include "process/exit_wait.h"

namespace tornado {
namespace {

bool change(NativeFd queue, int ident, int filter, unsigned flags,
            unsigned notes) noexcept {
  const struct kevent event = make_kernel_event(ident, filter, flags, notes);
  return retry_eintr([&] { return ::kevent(queue, &event, 1, nullptr, 0, nullptr); }) !=
         -1;
}

bool watch(NativeFd queue, int pid) noexcept {
  if (change(queue, pid, EVFILT_PROC, EV_ADD, NOTE_EXIT)) return true;
  // macOS gives ESRCH for a child that has ended and can still be reaped.
  return errno == ESRCH && change(queue, pid, EVFILT_USER, EV_ADD, 0) &&
         change(queue, pid, EVFILT_USER, 0, NOTE_TRIGGER);
}

}  // namespace

// The queue stays readable, since nothing takes the event out.
UniqueFd open_exit_descriptor(int pid) noexcept {
  try {
    UniqueFd queue = make_kernel_queue();
    tag_descriptor(queue.get(), "Subprocess");
    if (watch(queue.get(), pid)) return queue;
  } catch (const std::system_error&) {
  }
  return {};
}

}  // namespace tornado
