// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"
#include "tornado/spawn.h"

namespace tornado {

/// The handles that a child is to get. A child inherits inheritable handles only, and a
/// CreateProcess on another thread would pass them on too. So this object makes
/// inheritable copies just before the spawn, and closes them in its destructor.
class ChildHandles {
 public:
  /// Opens the streams. Throws std::system_error for a file that cannot be opened, a
  /// handle that is not open, and a number that is mapped twice.
  explicit ChildHandles(const SpawnOptions& options);
  ChildHandles(const ChildHandles&) = delete;
  ChildHandles& operator=(const ChildHandles&) = delete;

  /// Makes the copies, which the functions below return.
  void make_inheritable();
  [[nodiscard]] HANDLE stream(std::size_t number) const {
    return copies_[number].get();
  }
  [[nodiscard]] std::vector<HANDLE>& list() { return list_; }
  /// Tells the C runtime of the child the number of each handle. The format is not
  /// documented, and has not changed since the first Win32. Other runtimes ignore it.
  [[nodiscard]] std::vector<BYTE>& runtime_block() { return block_; }

  /// Gives this process's ends of pipes to the child's owner.
  void hand_over(Child& child) noexcept;

 private:
  struct Wanted {
    int number;
    HANDLE source;
  };
  HANDLE open_stream(const Stdio& stdio, int number);
  HANDLE open_pipe(int number);
  HANDLE keep(UniqueHandle handle);
  void add_mapping(const DescriptorMapping& mapping);
  void fill_runtime_block();

  std::array<UniqueFd, 3> parent_ends_;
  std::vector<UniqueHandle> opened_;
  std::vector<Wanted> wanted_;  // the streams first
  std::vector<UniqueHandle> copies_;
  std::vector<HANDLE> list_;
  std::vector<BYTE> block_;
};

}  // namespace tornado
