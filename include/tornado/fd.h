// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Owning descriptors, and the calls that make them.
///
/// Every descriptor made here is close-on-exec and non-blocking from birth, in one
/// system call, so that no fork or exec of another thread can come in between; and
/// its number is 3 or above even if the program was started with 0, 1 or 2 closed.
/// All throw std::system_error naming the act, and leave nothing behind.
/// Thread-safe.

#include <system_error>
#include <utility>

#include "tornado/native.h"

namespace tornado {

/// Closes `fd` once, whatever comes. Never retried: on Linux and the BSDs the number
/// is free even when close() says EINTR, and may be somebody else's by then.
/// EINTR is therefore success. Async-signal-safe; keeps errno.
TORNADO_API std::error_code try_close(NativeFd fd) noexcept;

/// Owns one descriptor and closes it. Not thread-safe, as int is not.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(NativeFd fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  [[nodiscard]] NativeFd get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ != invalid_fd; }
  [[nodiscard]] NativeFd release() noexcept { return std::exchange(fd_, invalid_fd); }

  /// Forgets the number before it is closed, so that it cannot be closed twice.
  void reset(NativeFd fd = invalid_fd) noexcept {
    NativeFd old = std::exchange(fd_, fd);
    if (old != invalid_fd) (void)try_close(old);
  }
  /// As reset(), for those who want to know (EIO of a network file system).
  std::error_code close() noexcept {
    return fd_ == invalid_fd ? std::error_code() : try_close(release());
  }

 private:
  NativeFd fd_ = invalid_fd;
};

/// Two connected ends. Of a pipe, `first` is for reading and `second` for writing.
struct FdPair {
  UniqueFd first;
  UniqueFd second;
};

[[nodiscard]] TORNADO_API FdPair make_pipe();
/// Connected stream sockets of the local domain.
[[nodiscard]] TORNADO_API FdPair make_socket_pair();
/// As socket(2); `type` without flags.
[[nodiscard]] TORNADO_API UniqueFd make_socket(int domain, int type, int protocol = 0);
/// As accept(2). EAGAIN gives an empty UniqueFd: nobody is waiting. ECONNABORTED is
/// retried. EMFILE and the like are thrown, and the caller should pause accepting.
[[nodiscard]] TORNADO_API UniqueFd accept_socket(NativeFd listener);
/// As open(2); `flags` without O_CLOEXEC and O_NONBLOCK, which are added.
[[nodiscard]] TORNADO_API UniqueFd open_file(const char* path, int flags,
                                             unsigned mode = 0666);
/// Another number for the same open file description, close-on-exec whatever `fd` is.
/// File offset and O_NONBLOCK are shared with `fd`, and stay as they are.
[[nodiscard]] TORNADO_API UniqueFd duplicate(NativeFd fd);

}  // namespace tornado
