// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <sys/mount.h>

#include <string>

#include "support/child.h"

namespace tornado::test {

/// What is mounted from here on, nobody but this process sees. False where that is not
/// allowed.
inline bool enter_mount_namespace() {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", "none", MS_REC | MS_PRIVATE, nullptr) == 0;
}

inline bool can_enter_mount_namespace() {
  return run_in_child([] {
           return std::string(enter_mount_namespace() ? "yes" : "no");
         }).output == "yes";
}

}  // namespace tornado::test
