// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// For tests of programs that use the library: makes system calls and allocations fail.
/// The target is tornado::faults, for Linux. Code that is linked with it statically
/// calls wrappers of the system's calls; shared libraries do not. Do not ship a program
/// that is linked with it.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "tornado/native.h"

namespace tornado {

/// Instead of an errno: the call moves one byte at most.
inline constexpr int moves_one_byte = -1;

/// A call that has a wrapper, with the errors of its manual page.
struct FaultCall {
  /// "write", "syscall kcmp" for a call by number, or "operator new".
  std::string_view name;
  std::array<int, 16> errors;  ///< errno or moves_one_byte, up to the first 0
};

[[nodiscard]] TORNADO_API std::span<const FaultCall> fault_calls() noexcept;

/// Which call fails, and how.
struct Fault {
  std::string_view call;  ///< a name of fault_calls()
  int error = 0;          ///< an errno, or moves_one_byte
  std::uint32_t nth = 1;  ///< the call that fails: 1 is the first after the injection
  /// If true, every later call fails too. Transient errors, such as EINTR, stop after
  /// 64 failures.
  bool persistent = false;
};

/// Counts calls and makes them fail while it lives, on all threads of this process and
/// in its forked children. A program that a child executes is not affected. Only one
/// injection may exist at a time.
///
/// Threads: other threads see the injection begin and end.
class TORNADO_API FaultInjection {
 public:
  /// Counts calls. No call fails.
  FaultInjection();
  /// Throws std::invalid_argument for a name that fault_calls() lacks, an `nth` of 0,
  /// or an error of 0. Throws std::logic_error while there is another injection.
  explicit FaultInjection(const Fault& fault);
  ~FaultInjection();
  FaultInjection(const FaultInjection&) = delete;
  FaultInjection& operator=(const FaultInjection&) = delete;

  /// How many calls this injection has made fail.
  [[nodiscard]] std::uint32_t failures() const noexcept;
  /// How many calls of that name were made. Throws std::invalid_argument for a name
  /// that fault_calls() lacks.
  [[nodiscard]] std::uint32_t count(std::string_view call) const;
};

}  // namespace tornado
