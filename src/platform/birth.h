// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Calls that make descriptors, non-blocking and close-on-exec. -1 and errno.

namespace tornado {

int bear_pipe(int (&ends)[2]) noexcept;
int bear_socket_pair(int (&ends)[2]) noexcept;
int bear_socket(int domain, int type, int protocol) noexcept;
int bear_accepted(int listener) noexcept;
/// As dup2, but `number` is close-on-exec. O_NONBLOCK is that of `fd`.
int put_in_place(int fd, int number) noexcept;

}  // namespace tornado
