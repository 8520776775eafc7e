// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "process/handle_windows.h"

namespace tornado {

/// The job whose processes, and their descendants, end with this process, however it
/// ends: its only handle is this process's, and is never closed. Throws if there is
/// none.
HANDLE dies_with_this_process();

}  // namespace tornado
