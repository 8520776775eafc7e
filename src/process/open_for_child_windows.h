// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "process/handle_windows.h"

namespace tornado {

/// As open_path(), for a name in UTF-8.
UniqueHandle open_for_child(const std::string& path, int flags, unsigned mode);

/// The null device, for reading and writing.
UniqueHandle open_null_device();

}  // namespace tornado
