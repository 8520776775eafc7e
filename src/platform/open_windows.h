// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/native.h"

namespace tornado {

/// As open(2), with the flags of <fcntl.h>: _O_RDONLY, _O_WRONLY, _O_RDWR, _O_APPEND,
/// _O_CREAT, _O_TRUNC, _O_EXCL; those that choose text or binary mean nothing to the
/// system. Without the right to write in `mode`, a new file is read-only. Others may
/// read, write and delete it meanwhile. Not inheritable. invalid_fd, and
/// GetLastError(), if it cannot.
NativeFd open_path(const wchar_t* path, int flags, unsigned mode) noexcept;

}  // namespace tornado
