// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "process/child_task.h"
#include "process/low_slots.h"
#include "tornado/spawn.h"

namespace tornado {

/// The descriptors that a child is to get, open in this process. Descriptors of the
/// program are borrowed. Descriptors that were opened for the child close with this.
class ChildStreams {
 public:
  /// Throws std::system_error for a file that cannot be opened, a descriptor that is
  /// not open, and a number that is mapped twice.
  explicit ChildStreams(const SpawnOptions& options);

  /// From this process's numbers to the child's. Low numbers, where they can be had.
  [[nodiscard]] const std::vector<DescriptorMove>& moves() const { return moves_; }
  /// Gives this process's ends of pipes to the child's owner.
  void hand_over(Child& child) noexcept;

 private:
  void add_stream(const Stdio& stdio, int number, UniqueFd& parent_end);
  NativeFd open_stream(const Stdio& stdio, int number, UniqueFd& parent_end);
  NativeFd open_pipe(int number, UniqueFd& parent_end);
  NativeFd open_null();
  NativeFd keep(UniqueFd fd);
  void add(NativeFd from, int to);

  std::vector<UniqueFd> opened_;
  std::vector<LowCopy> copies_;
  std::vector<DescriptorMove> moves_;
  UniqueFd in_, out_, err_;
};

}  // namespace tornado
