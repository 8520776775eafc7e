// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "platform/system_error.h"

namespace tornado {

// Memory for the child to stand on, above a page that may not be touched.
class ChildStack {
 public:
  ChildStack() : memory_(spare_.exchange(nullptr)) {
    if (memory_) return;
    memory_ = ::mmap(nullptr, guard_size() + stack_size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory_ == MAP_FAILED) throw_errno("mmap child stack");
    if (::mprotect(memory_, guard_size(), PROT_NONE) == -1) {
      const int error = errno;
      ::munmap(memory_, guard_size() + stack_size);
      errno = error;
      throw_errno("mprotect child stack");
    }
  }
  // One is kept for the next child.
  ~ChildStack() {
    void* none = nullptr;
    if (!spare_.compare_exchange_strong(none, memory_)) {
      ::munmap(memory_, guard_size() + stack_size);
    }
  }
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;

  [[nodiscard]] void* top() const noexcept {
    return static_cast<char*>(memory_) + guard_size() + stack_size;
  }

 private:
  static constexpr std::size_t stack_size = std::size_t{64} * 1024;

  static std::size_t guard_size() noexcept {
    static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return size;
  }

  static inline std::atomic<void*> spare_{nullptr};
  void* memory_;
};

}  // namespace tornado
