// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The flags and the target of a descriptor in words.

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "fds/sockets.h"
#include "tornado/audit.h"

namespace tornado::cli {

/// "rw,nonblock" for a result of F_GETFL.
std::string status_words(int status_flags);

/// Details that the name of a descriptor lacks: the addresses of a socket, the process
/// of a pidfd, the count and the id of an eventfd, the descriptors that an epoll
/// watches.
class DescriptorDetails {
 public:
  explicit DescriptorDetails(pid_t pid) : pid_(pid) {}
  /// Empty if /proc tells nothing more.
  std::string of(const DescriptorInfo& descriptor);

 private:
  std::string of_socket(const std::string& target);

  pid_t pid_;
  std::optional<SocketWords> sockets_ = {};
};

}  // namespace tornado::cli
