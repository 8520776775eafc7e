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
