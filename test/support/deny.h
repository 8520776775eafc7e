// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>

namespace tornado::test {

/// A system call that fails, always or when one argument has one value.
struct Denied {
  int number;  ///< SYS_...
  int error;   ///< what it fails with
  struct Argument {
    unsigned index;
    std::uint32_t value;
  };
  std::optional<Argument> when = {};
};

/// Makes system calls fail from now on, in this thread and what it starts, as an old
/// kernel or a container's filter does. Cannot be undone: for forked children. False if
/// filters do not work here.
[[nodiscard]] bool deny(std::initializer_list<Denied> calls);

/// Whether deny() works here.
bool can_deny();
/// Whether this call fails here when it is denied, as `fails` finds out: valgrind
/// answers some itself, and cannot go on without others.
bool can_deny(const Denied& call, const std::function<bool()>& fails);
/// The limits of descriptors.
bool can_deny_limits();

/// Whether the kernel has a call, and lets this process make it. It is made, with
/// arguments that do nothing.
bool has_call(int number);

/// What asks a pidfd for the status of a process that has been reaped: fails with
/// `error`, as before Linux 6.13.
Denied deny_kept_status(int error);
/// Whether the kernel answers it (Linux 6.15).
bool keeps_status();

/// Whether the kernel tells, by either means, that two descriptors share one open file
/// description.
bool can_tell_duplicates();

}  // namespace tornado::test
