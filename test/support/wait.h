// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "support/sanitizers.h"
#include "tornado/fd.h"

namespace tornado::test {

/// How long a test waits for what must happen: so long that only a bug gets there.
/// Valgrind makes programs tens of times slower.
inline const std::chrono::seconds patience{under_valgrind() ? 600 : 60};

/// Whether `predicate` came true before the deadline. Looks every millisecond.
bool wait_until(const std::function<bool()>& predicate,
                std::chrono::nanoseconds deadline = patience);

/// Whether `fd` is readable now, or is at its end or in error.
bool is_readable(NativeFd fd);
/// The same of writing.
bool is_writable(NativeFd fd);
/// Sleeps in poll until `fd` is readable.
bool becomes_readable(NativeFd fd, std::chrono::milliseconds deadline = patience);

/// Writes one byte, for which there must be room.
void put_byte(const UniqueFd& fd);

/// Everything until the end of file, blocking or not.
std::string read_to_end(NativeFd fd);

/// Writes until a non-blocking `fd` takes no more. The number of bytes.
std::size_t fill(NativeFd fd);
/// Reads until a non-blocking `fd` has no more. The number of bytes.
std::size_t drain(NativeFd fd);

/// A thread that is joined at the end of its scope.
class Thread {
 public:
  template <class F>
  explicit Thread(F&& body) : thread_(std::forward<F>(body)) {}
  Thread(Thread&&) noexcept = default;
  ~Thread() { join(); }

  void join() {
    if (thread_.joinable()) thread_.join();
  }
  std::thread::native_handle_type native_handle() { return thread_.native_handle(); }

 private:
  std::thread thread_;
};

}  // namespace tornado::test
