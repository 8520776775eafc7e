// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// All that the child half of a spawn reads and writes. Made before the child is, in
/// memory that both share; plain, so that the child half needs no library.

#include <cstddef>
#include <cstdint>

namespace tornado {

/// dup2(from, to); if both are the same, the number is only kept over exec.
struct DescriptorMove {
  int from;
  int to;
};

/// Closed by both ends.
struct DescriptorRange {
  unsigned first;
  unsigned last;
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

/// The child's last words.
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
  Span<DescriptorRange> gaps;  // what is to be closed after the moves, ascending
  Span<int> kept;              // what is not, ascending

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
  char* const* environment = nullptr;

  // If the memory is not shared: a close-on-exec descriptor, among `kept`.
  int report_to = -1;
  ChildReport report;
};

/// Becomes the program, or fills in the report and ends the process. Async-signal-safe;
/// allocates nothing; a table of descriptors of its own unless `table_is_shared`, and
/// all signals blocked, are taken for granted.
extern "C" int tornado_child_main(void* task) noexcept;

/// Sets the bool that it is given, and ends the process.
extern "C" int tornado_child_probe(void* told) noexcept;

}  // namespace tornado
