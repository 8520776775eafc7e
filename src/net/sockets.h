// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The system's names for sockets: those of POSIX, or those of Winsock where
/// <sys/socket.h> is not.

#if __has_include(<sys/socket.h>)
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#else
#include <winsock2.h>
// After it.
#include <afunix.h>
#include <iphlpapi.h>
#include <ws2tcpip.h>
#endif

#if defined(TCP_KEEPIDLE)
inline constexpr int keepalive_idle = TCP_KEEPIDLE;
inline constexpr int keepalive_interval = TCP_KEEPINTVL;
inline constexpr int keepalive_probes = TCP_KEEPCNT;
#elif defined(TCP_KEEPALIVE)  // macOS
inline constexpr int keepalive_idle = TCP_KEEPALIVE;
inline constexpr int keepalive_interval = TCP_KEEPINTVL;
inline constexpr int keepalive_probes = TCP_KEEPCNT;
#else                         // Windows since 10.0.16299; MinGW does not name them
inline constexpr int keepalive_idle = 3;
inline constexpr int keepalive_interval = 17;
inline constexpr int keepalive_probes = 16;
#endif
