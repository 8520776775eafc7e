// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// An owner for descriptors, and the calls that open them.
///
/// Every descriptor that these calls open is close-on-exec and non-blocking. One system
/// call does both, so that a fork on another thread cannot come in between. Its number
/// is 3 or above, even if the program was started with 0, 1 or 2 closed. Errors:
/// std::system_error, with the name of the call; nothing stays open. Thread-safe.

#include <system_error>
#include <utility>

#include "tornado/native.h"

namespace tornado {

/// Closes `fd` once, and does not retry. On Linux and the BSDs the number is free even
/// after EINTR, and another thread may have it by then. EINTR is therefore success.
/// Async-signal-safe; keeps errno.
TORNADO_API std::error_code try_close(NativeFd fd) noexcept;

/// Owns one descriptor, and closes it. Not thread-safe.
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
  /// Gives the descriptor up without closing it.
  [[nodiscard]] NativeFd release() noexcept { return std::exchange(fd_, invalid_fd); }

  /// Closes the descriptor, and owns `fd` instead.
  void reset(NativeFd fd = invalid_fd) noexcept {
    NativeFd old = std::exchange(fd_, fd);
    if (old != invalid_fd) (void)try_close(old);
  }
  /// As reset(), with the error of close(), such as EIO of a network file system.
  std::error_code close() noexcept {
    return fd_ == invalid_fd ? std::error_code() : try_close(release());
  }

 private:
  NativeFd fd_ = invalid_fd;
};

/// Two connected ends. For a pipe, read from `first` and write to `second`.
struct FdPair {
  UniqueFd first;
  UniqueFd second;
};

[[nodiscard]] TORNADO_API FdPair make_pipe();
/// Connected stream sockets of the local domain.
[[nodiscard]] TORNADO_API FdPair make_socket_pair();
/// As socket(2). `type` has no flags.
[[nodiscard]] TORNADO_API UniqueFd make_socket(int domain, int type, int protocol = 0);
/// As accept(2). Returns an empty UniqueFd if no client waits. Retries ECONNABORTED.
/// Throws EMFILE and other errors: the caller should then pause accepting.
[[nodiscard]] TORNADO_API UniqueFd accept_socket(NativeFd listener);
/// As open(2). O_CLOEXEC and O_NONBLOCK are added to `flags`.
[[nodiscard]] TORNADO_API UniqueFd open_file(const char* path, int flags,
                                             unsigned mode = 0666);
/// Another number for the same open file description. The new number is close-on-exec,
/// even if `fd` is not. It shares the file offset and O_NONBLOCK with `fd`; neither
/// changes.
[[nodiscard]] TORNADO_API UniqueFd duplicate(NativeFd fd);

}  // namespace tornado
