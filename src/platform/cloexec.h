// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Calls that create non-blocking, close-on-exec descriptors. They return -1 and set
/// errno on failure.

#include <sys/socket.h>

#include <shared_mutex>

namespace tornado {

int pipe_cloexec(int (&ends)[2]) noexcept;
int socket_pair_cloexec(int (&ends)[2]) noexcept;
int socket_cloexec(int domain, int type, int protocol) noexcept;
int accept_cloexec(int listener, sockaddr* peer, socklen_t* size) noexcept;
/// Like dup2, but `number` becomes close-on-exec. O_NONBLOCK stays as `fd` has it.
int dup2_cloexec(int fd, int number) noexcept;

/// Only on systems that set the close-on-exec flag after the call that creates the
/// descriptor. These functions hold it shared, and code that forks holds it
/// exclusively. posix_spawn does not need it: a child gets only the descriptors that it
/// names.
std::shared_mutex& cloexec_lock() noexcept;

}  // namespace tornado
