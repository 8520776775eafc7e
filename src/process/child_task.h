// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// All that the child half of a spawn reads and writes. It is made before the child, in
/// memory that both share, and is plain, so that the child half needs no library.

#include <cstddef>
#include <cstdint>

namespace tornado {

/// dup2(from, to); if both are the same, the number is only kept over exec.
struct DescriptorMove {
  int from;
  int to;
};

enum class ChildAct : int {
  none,
  unshare_descriptors,
  move_descriptor,
  close_descriptors,
  session,
  process_group,
  chdir,
  limit,
  nice,
  groups,
  gid,
  uid,
  death_signal,
  signal_mask,
  exec,
};

struct ChildLimit {
  int resource;
  std::uint64_t soft_hard[2];  // the kernel's struct rlimit64
};

/// What the child reports when it fails.
struct ChildReport {
  ChildAct act = ChildAct::none;
  int error = 0;
  std::size_t index = 0;  // which move, limit
};

template <class T>
struct Span {
  const T* data = nullptr;
  std::size_t size = 0;
};

struct ChildTask {
  // Descriptors. If the table is shared with the parent, it is unshared first, leaving
  // out all from `first_unneeded` on.
  bool table_is_shared = false;
  unsigned first_unneeded = 0;
  Span<DescriptorMove> moves;
  Span<int> kept;  // ascending; the child closes all others after the moves

  bool new_session = false;
  bool set_process_group = false;
  int process_group = 0;
  const char* cwd = nullptr;
  bool set_umask = false;
  unsigned umask = 0;
  Span<ChildLimit> limits;
  int nice = 0;
  bool set_groups = false;
  Span<std::uint32_t> groups;
  bool set_gid = false;
  std::uint32_t gid = 0;
  bool set_uid = false;
  std::uint32_t uid = 0;
  int death_signal = 0;
  int parent = 0;
  std::uint64_t signal_mask = 0;

  const char* const* files = nullptr;  // to try in turn, null at the end
  char* const* argv = nullptr;
  // For a script without "#!": the shell, the place of the file, the other arguments.
  const char** script_argv = nullptr;
  char* const* environment = nullptr;

  // A pipe that only the parent reads, close-on-exec and among `kept`. Needed where the
  // memory may not be shared, or where the child cannot see its parent's pid.
  int report_to = -1;
  ChildReport report;
  // What the child has found out.
  bool memory_is_shared = false;
  bool can_unshare = false;  // close_range(CLOSE_RANGE_UNSHARE) works
};

/// Becomes the program, or fills in the report and ends the process. Async-signal-safe;
/// allocates nothing. Expects all signals blocked, and a descriptor table of its own
/// unless `table_is_shared`.
extern "C" int tornado_child_main(void* task) noexcept;

}  // namespace tornado
