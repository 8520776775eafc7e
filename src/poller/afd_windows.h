// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <system_error>

#include "platform/handle_windows.h"
// Needs what windows.h defines.
#include <winternl.h>

#include "tornado/fd.h"

namespace tornado {

/// What AFD tells of sockets: bits of its own.
struct AfdEvents {
  static constexpr ULONG receive = 0x001;
  static constexpr ULONG send = 0x004;
  static constexpr ULONG disconnect = 0x008;  ///< the peer writes no more
  static constexpr ULONG abort = 0x010;
  static constexpr ULONG local_close = 0x020;
  static constexpr ULONG accept = 0x080;
  static constexpr ULONG connect_fail = 0x100;
};

/// A handle of AFD, the driver beneath Winsock, whose answers come to the port. Throws
/// std::system_error.
UniqueFd open_afd(NativeFd port);

/// The socket that AFD knows; another than `socket` where layers lie between.
NativeFd base_socket(NativeFd socket) noexcept;

/// One question to AFD, answered once: which of `events` a socket is ready for. From
/// ask() until its packet was taken from the port, whose lpOverlapped is its address,
/// it belongs to the driver, and stays where it is.
class AfdQuestion {
 public:
  AfdQuestion() = default;
  AfdQuestion(const AfdQuestion&) = delete;
  AfdQuestion& operator=(const AfdQuestion&) = delete;

  /// Not an error: a packet will come.
  [[nodiscard]] std::error_code ask(NativeFd afd, NativeFd socket,
                                    ULONG events) noexcept;
  /// Its packet still comes. The driver lets go of the socket at once.
  void cancel(NativeFd afd) noexcept;

  /// After its packet: none if it was cancelled, also by the end of the thread that
  /// asked.
  [[nodiscard]] ULONG answer() const noexcept;

 private:
  struct SocketEvents {
    HANDLE socket;
    ULONG events;
    NTSTATUS status;
  };
  struct PollInfo {
    LARGE_INTEGER timeout;
    ULONG count;
    ULONG exclusive;
    SocketEvents sockets[1];
  };

  IO_STATUS_BLOCK status_{};
  PollInfo info_{};
};

}  // namespace tornado
