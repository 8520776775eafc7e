// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
// After it, since it needs its types on some systems.
#include <sys/event.h>

#include "platform/fd.h"
#include "tornado/platform.h"

namespace tornado {

/// A kqueue, for the systems that have it. A forked child does not inherit it: there
/// the number is free, and may be reused.
inline UniqueFd make_kernel_queue() {
  UniqueFd queue = adopt(::kqueue(), "kqueue");
  // For an exec of this process: a forked child does not inherit a kqueue.
  set_close_exec(queue.get());
  return queue;
}

/// The types of the members differ among systems.
inline struct kevent make_kernel_event(NativeFd ident, int filter, unsigned flags,
                                       unsigned notes = 0) noexcept {
  struct kevent event {};
  event.ident = static_cast<decltype(event.ident)>(ident);
  event.filter = static_cast<decltype(event.filter)>(filter);
  event.flags = static_cast<decltype(event.flags)>(flags);
  event.fflags = static_cast<decltype(event.fflags)>(notes);
  return event;
}

}  // namespace tornado
