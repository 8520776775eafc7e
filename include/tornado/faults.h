// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// For tests of programs that use the library: system calls and allocations that fail
/// on demand. In a library of its own, tornado::faults, for Linux: whatever is linked
/// with it statically (the library, the program) calls stand-ins in the place of the
/// system's calls, and shared libraries do not. Do not ship a program so linked.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "tornado/native.h"

namespace tornado {

/// In the place of an errno: the call moves one byte at most.
inline constexpr int moves_one_byte = -1;

/// A call that has a stand-in, and how its manual page says that it may fail.
struct FaultCall {
  /// "write"; "syscall kcmp" for one that is made by its number; "operator new".
  std::string_view name;
  std::array<int, 16> errors;  ///< errno or moves_one_byte, up to the first 0
};

[[nodiscard]] TORNADO_API std::span<const FaultCall> fault_calls() noexcept;

struct Fault {
  std::string_view call;  ///< a name of fault_calls()
  int error = 0;          ///< errno; moves_one_byte
  std::uint32_t nth = 1;  ///< the first that fails, counted from the injection on
  /// All after that one as well; but what the kernel says now and then only, such as
  /// EINTR, is said sixty-four times.
  bool persistent = false;
};

/// As long as it lives calls are counted and one fails, on all threads of this process
/// and in the children that it forks; not in what they execute. One at a time.
///
/// Threads: all that make calls meanwhile see it begin and end.
class TORNADO_API FaultInjection {
 public:
  /// Counts only.
  FaultInjection();
  /// Throws std::invalid_argument for what is no name of fault_calls(), an `nth` of 0
  /// or an error of 0; std::logic_error while there is another.
  explicit FaultInjection(const Fault& fault);
  ~FaultInjection();
  FaultInjection(const FaultInjection&) = delete;
  FaultInjection& operator=(const FaultInjection&) = delete;

  /// How many calls have failed for it.
  [[nodiscard]] std::uint32_t failures() const noexcept;
  /// How many have been made. Throws std::invalid_argument.
  [[nodiscard]] std::uint32_t count(std::string_view call) const;
};

}  // namespace tornado
