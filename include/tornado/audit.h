// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What is open in a process, and what of it the next exec would hand on.

#include <cstdint>
#include <string>
#include <vector>

#include "tornado/native.h"

namespace tornado {

struct DescriptorInfo {
  NativeFd number = invalid_fd;
  /// file, directory, pipe, socket, terminal, char, block, or what the kernel calls a
  /// thing without a name: eventfd, eventpoll, pidfd, signalfd, inotify, ...
  std::string kind = {};
  /// What /proc/PID/fd says: a path, "socket:[4711]". "(path too long)" for a path of
  /// 4096 bytes or more, which the kernel does not tell.
  std::string target = {};
  int flags = 0;  ///< as F_GETFL says: access mode, O_NONBLOCK, O_APPEND, ...
  std::int64_t offset = -1;  ///< in files and block devices; else -1
  bool close_exec = false;
  /// The part of the library that made it, such as "Waker". Empty for other processes,
  /// for what the program made, and for a number that leads to another file by now. An
  /// eventfd or epoll set of the program is not told from one that it replaced.
  std::string owner = {};
};

/// "7 pipe pipe:[4711] (spawn)"
[[nodiscard]] TORNADO_API std::string to_string(const DescriptorInfo& descriptor);
/// One a line.
[[nodiscard]] TORNADO_API std::string to_string(
    const std::vector<DescriptorInfo>& descriptors);

/// What is open in this process, by number; without the descriptor that it is read
/// with. What other threads open or close meanwhile may be there or not.
[[nodiscard]] TORNADO_API std::vector<DescriptorInfo> audit_descriptors();
/// The same of another process. std::errc::no_such_process; permission_denied;
/// Errc::process_ended for a zombie; Errc::kernel_thread; no_such_file_or_directory if
/// /proc is not mounted.
[[nodiscard]] TORNADO_API std::vector<DescriptorInfo> audit_descriptors(int pid);

/// Those beyond the standard streams that lack close-on-exec: what any fork and exec of
/// this program, other than tornado::spawn, gives to the child.
[[nodiscard]] TORNADO_API std::vector<DescriptorInfo> leaks_on_exec();

/// For test suites: tells what a block of code left open that would cross an exec.
///
///   tornado::LeakScope scope;
///   use_the_library();
///   EXPECT_EQ(to_string(scope.leaks()), "");
class TORNADO_API LeakScope {
 public:
  /// What leaks already is none of this block's doing.
  LeakScope() : before_(leaks_on_exec()) {}

  /// What leaks now and did not at the beginning.
  [[nodiscard]] std::vector<DescriptorInfo> leaks() const;

 private:
  std::vector<DescriptorInfo> before_;
};

}  // namespace tornado
