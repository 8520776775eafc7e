// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The system calls that change which descriptors a process has, and the filter that
/// stops a process at these and at no other.

#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <vector>

namespace tornado::cli {

enum class Effect : std::uint8_t {
  makes,             ///< gives a descriptor
  copies,            ///< gives another number for the descriptor in argument 0
  makes_two,         ///< writes two descriptors where an argument points
  controls,          ///< fcntl: copies, marks, takes a mark away
  controls_device,   ///< ioctl: marks, takes a mark away
  closes,            ///< closes argument 0
  closes_range,      ///< close_range
  receives,          ///< recvmsg: descriptors may come with a message
  forks,             ///< fork, vfork
  starts,            ///< clone
  starts_by_struct,  ///< clone3
  unshares,          ///< unshare(CLONE_FILES)
  maps_code,         ///< mmap of a file with code in it
  restricts          ///< prctl, seccomp: may ask for strict seccomp
};

using Arguments = std::array<std::uint64_t, 6>;

struct TracedCall {
  int number;
  const char* name;
  Effect effect;
  /// Which argument asks for close-on-exec, and by what bit; or one of those below.
  int mark_argument;
  std::uint64_t mark = 0;
  unsigned ends_argument = 0;  ///< of makes_two

  static constexpr int never = -1;      ///< the call cannot ask for it
  static constexpr int always = -2;     ///< the kernel sees to it
  static constexpr int in_memory = -3;  ///< openat2: in the first word of a struct

  /// Not to be asked of in_memory.
  [[nodiscard]] bool marks(const Arguments& arguments) const;
};

/// Whether a call of Effect::restricts asks for SECCOMP_MODE_STRICT, which the kernel
/// refuses to a process that has a filter.
bool asks_for_strict_mode(const TracedCall& call, const Arguments& arguments);

/// Null for a call that leaves the descriptors alone.
const TracedCall* traced_call(std::uint64_t number);

/// What PTRACE_GET_SYSCALL_INFO says of a program for this very machine.
std::uint32_t native_architecture();

/// SECCOMP_RET_TRACE for the calls above, with the arguments that matter; all others
/// run at full speed.
std::vector<sock_filter> trace_filter();

}  // namespace tornado::cli
