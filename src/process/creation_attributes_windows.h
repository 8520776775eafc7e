// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "process/handle_windows.h"

namespace tornado {

/// What CreateProcess takes beside the old STARTUPINFO. Throws if it cannot be made.
class CreationAttributes {
 public:
  explicit CreationAttributes(DWORD count);
  ~CreationAttributes();
  CreationAttributes(const CreationAttributes&) = delete;
  CreationAttributes& operator=(const CreationAttributes&) = delete;

  /// Of all inheritable handles, the child gets these. None may stand there twice.
  /// Borrowed until the child is made.
  void set_handles(std::vector<HANDLE>& handles);
  /// The child is in the job from its birth. Borrowed as well.
  void set_job(HANDLE& job);

  [[nodiscard]] LPPROC_THREAD_ATTRIBUTE_LIST get() const noexcept { return list_; }

 private:
  void set(DWORD_PTR attribute, void* value, std::size_t size, const char* act);

  std::unique_ptr<std::byte[]> memory_;
  LPPROC_THREAD_ATTRIBUTE_LIST list_ = nullptr;
};

}  // namespace tornado
