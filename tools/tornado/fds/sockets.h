// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The protocols, addresses and states of sockets.

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace tornado::cli {

/// "tcp 127.0.0.1:80 -> 127.0.0.1:4711 established", by the inode of the socket.
using SocketWords = std::map<std::uint64_t, std::string>;

/// The sockets in the network namespace of a process, as /proc tells them. Protocols
/// that it does not list are missing.
SocketWords sockets_around(pid_t pid);

/// The parsers of a file of /proc/PID/net, which add to `words`.
void add_inet_sockets(SocketWords& words, std::string_view protocol,
                      std::string_view file);
void add_unix_sockets(SocketWords& words, std::string_view file);

}  // namespace tornado::cli
