// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shared_mutex>

namespace tornado {

/// For systems where the close-on-exec flag can only be set after the birth: makers of
/// descriptors hold it shared, and who forks holds it alone. (What posix_spawn makes
/// there gets named descriptors only, whatever their flags.)
std::shared_mutex& birth_lock() noexcept;

}  // namespace tornado
