// SPDX-License-Identifier: Apache-2.0
#include <sys/syscall.h>

#include "platform/fd.h"
#include "platform/system_call_linux.h"

namespace tornado {

UniqueFd open_pidfd(int pid) noexcept {
  return adopt_if_made(static_cast<NativeFd>(system_call(SYS_pidfd_open, pid, 0)));
}

}  // namespace tornado
