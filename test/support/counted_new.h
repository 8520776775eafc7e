// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace tornado::test {

/// Calls of operator new and of operator delete. For programs that have
/// counted_new.cpp among their sources: it replaces both operators.
extern std::atomic<std::uint64_t> allocations;
extern std::atomic<std::uint64_t> deallocations;
/// What was asked of operator new in all.
extern std::atomic<std::uint64_t> allocated_bytes;

}  // namespace tornado::test
