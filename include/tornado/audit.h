// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The open descriptors of a process, and the descriptors that the next exec passes on.

#include <cstdint>
#include <string>
#include <vector>

#include "tornado/native.h"

namespace tornado {

/// One open descriptor.
struct DescriptorInfo {
  NativeFd number = invalid_fd;
  /// file, directory, pipe, socket, terminal, char or block. For other objects, the
  /// kernel's name: eventfd, eventpoll, pidfd, signalfd, inotify, ...
  std::string kind = {};
  /// The link in /proc/PID/fd: a path, or "socket:[4711]". "(path too long)" for a path
  /// of 4096 bytes or more, which the kernel does not report.
  std::string target = {};
  int flags = 0;  ///< as fcntl(F_GETFL): access mode, O_NONBLOCK, O_APPEND, ...
  std::int64_t offset = -1;  ///< in bytes, of files and block devices; -1 for others
  bool close_exec = false;
  /// The part of the library that opened it, such as "Waker". Empty for other
  /// processes, for the program's own descriptors, and for a number that has another
  /// file by now. If the program replaces an eventfd or epoll set of the library by its
  /// own, the owner stays.
  std::string owner = {};
};

/// "7 pipe pipe:[4711] (spawn)"
[[nodiscard]] TORNADO_API std::string to_string(const DescriptorInfo& descriptor);
/// One line for each descriptor.
[[nodiscard]] TORNADO_API std::string to_string(
    const std::vector<DescriptorInfo>& descriptors);

/// The open descriptors of this process, by number, without the descriptor that reads
/// them. A descriptor that another thread opens or closes at the same time may be
/// missing. Throws std::system_error. Thread-safe.
[[nodiscard]] TORNADO_API std::vector<DescriptorInfo> audit_descriptors();
/// The same of another process. Throws std::errc::no_such_process or permission_denied;
/// Errc::process_ended for a zombie; Errc::kernel_thread; no_such_file_or_directory if
/// /proc is not mounted.
[[nodiscard]] TORNADO_API std::vector<DescriptorInfo> audit_descriptors(int pid);

/// The descriptors without close-on-exec, except the standard streams. Every fork and
/// exec of this program passes them to the child; tornado::spawn does not.
[[nodiscard]] TORNADO_API std::vector<DescriptorInfo> leaks_on_exec();

/// For tests: finds descriptors that a block of code left open without close-on-exec.
///
///   tornado::LeakScope scope;
///   use_the_library();
///   EXPECT_EQ(to_string(scope.leaks()), "");
class TORNADO_API LeakScope {
 public:
  /// Descriptors that leak already do not count.
  LeakScope() : before_(leaks_on_exec()) {}

  /// The descriptors that leak now, and did not when this object was made.
  [[nodiscard]] std::vector<DescriptorInfo> leaks() const;

 private:
  std::vector<DescriptorInfo> before_;
};

}  // namespace tornado
