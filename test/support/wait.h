// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace tornado::test {

/// How long a test waits for what must happen: so long that only a bug gets there.
inline constexpr std::chrono::seconds patience{60};

/// Whether `predicate` came true before the deadline. Looks every millisecond.
bool wait_until(const std::function<bool()>& predicate,
                std::chrono::nanoseconds deadline = patience);

/// Whether `fd` is readable now, or is at its end or in error.
bool is_readable(int fd);
/// The same of writing.
bool is_writable(int fd);
/// Sleeps in poll until `fd` is readable.
bool becomes_readable(int fd, std::chrono::milliseconds deadline = patience);

/// Everything until the end of file, blocking or not.
std::string read_to_end(int fd);

/// Writes until a non-blocking `fd` takes no more. The number of bytes.
std::size_t fill(int fd);
/// Reads until a non-blocking `fd` has no more. The number of bytes.
std::size_t drain(int fd);

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
