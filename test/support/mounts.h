// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <sys/mount.h>

#include "support/child.h"

namespace tornado::test {

/// What is mounted from here on, nobody but this process sees. False where that is not
/// allowed.
inline bool enter_mount_namespace() {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", "none", MS_REC | MS_PRIVATE, nullptr) == 0;
}

inline bool can_enter_mount_namespace() {
  return is_true_in_child(enter_mount_namespace);
}

}  // namespace tornado::test
