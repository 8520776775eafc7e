// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"
#include "tornado/spawn.h"

namespace tornado {

/// The handles that a child is to get. Windows hands on only what is inheritable, and
/// any CreateProcess of other code, on another thread, would take that as well: so
/// copies are made inheritable, last of all, and close with this.
class ChildHandles {
 public:
  /// Opens. Throws std::system_error for what cannot be opened, is not open, or
  /// contradicts.
  explicit ChildHandles(const SpawnOptions& options);
  ChildHandles(const ChildHandles&) = delete;
  ChildHandles& operator=(const ChildHandles&) = delete;

  /// Makes the copies. Only then there is something in what follows.
  void make_inheritable();
  [[nodiscard]] HANDLE stream(std::size_t number) const {
    return copies_[number].get();
  }
  [[nodiscard]] std::vector<HANDLE>& list() { return list_; }
  /// How the C runtime of the child learns which number each has. Undocumented, and
  /// as it is since the first Win32; programs with another runtime do not look at it.
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
