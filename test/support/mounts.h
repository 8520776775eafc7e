// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <sys/mount.h>

#include "support/child.h"
#include "support/sanitizers.h"

namespace tornado::test {

/// Only this process sees what it mounts from here on. False where that is not
/// allowed.
inline bool enter_mount_namespace() {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", "none", MS_REC | MS_PRIVATE, nullptr) == 0;
}

inline bool can_enter_mount_namespace() {
  return is_true_in_child(enter_mount_namespace);
}

/// Takes /proc from this process and its children.
inline bool hide_proc() {
  return enter_mount_namespace() && ::mount("none", "/proc", "tmpfs", 0, nullptr) == 0;
}

/// A sanitizer reads /proc as a program starts, and is wrong about stacks without it.
inline bool programs_can_do_without_proc() {
  return !under_address_sanitizer() && !under_thread_sanitizer() &&
         can_enter_mount_namespace();
}

}  // namespace tornado::test
