// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Sockets that listen, and what accepts on them.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tornado/address.h"
#include "tornado/callback.h"
#include "tornado/fd.h"
#include "tornado/ioloop.h"

namespace tornado {

struct BindOptions {
  /// A host name or an address. Empty: every interface.
  std::string address = {};
  AddressFamily family = AddressFamily::any;
  /// How many connections wait in the kernel until they are accepted.
  int backlog = 128;
  /// SO_REUSEPORT: several sockets share the port, and the kernel spreads connections
  /// among them. std::errc::not_supported where the system has no such option.
  bool reuse_port = false;
};

/// Sockets that listen on `port`, one for each address of `options.address`, IPv4
/// first. All have one port, also for port 0, which the system chooses. Resolves a host
/// name by getaddrinfo, and so may block. A family that this machine lacks is left out.
/// SO_REUSEADDR is set, except on Windows, where it means something else. Throws
/// std::system_error naming the act and the address; nothing is left behind.
[[nodiscard]] TORNADO_API std::vector<UniqueFd> bind_sockets(
    std::uint16_t port, const BindOptions& options = {});

/// A Unix socket that listens at `path`. It has the access rights `mode` before anybody
/// can connect. Replaces a socket there, and throws std::errc::file_exists for any
/// other file. The file stays when the socket is closed. An abstract name (Linux)
/// begins with a zero byte. Windows ignores `mode`.
[[nodiscard]] TORNADO_API UniqueFd bind_unix_socket(std::string_view path,
                                                    unsigned mode = 0600,
                                                    int backlog = 128);

/// Accepts on a listening socket until it is destroyed. It belongs to the thread of the
/// loop. It may be destroyed in its own callback, and after the loop has closed. Then
/// no further connection of the same turn is accepted.
class TORNADO_API Acceptor {
 public:
  using Handler = UniqueFunction<void(UniqueFd connection, SocketAddress peer)>;

  Acceptor() noexcept;
  /// Accepts up to 64 connections in each turn, and then lets the loop go on. Throws
  /// what IOLoop::add_handler throws. The socket stays the caller's.
  ///
  /// An error of one connection, such as ECONNABORTED, is passed over. At the limit of
  /// descriptors or memory one waiting client is closed, with a descriptor in reserve.
  /// It does not wait in vain. Accepting then pauses for 100 ms; the log has one line
  /// until accepting works again. Any other error ends the accepting, and goes to the
  /// loop's exception policy.
  Acceptor(IOLoop& loop, NativeFd listener, Handler handler);
  /// The same, and owns the socket. It closes the socket with this object, or with a
  /// loop that closes its descriptors.
  Acceptor(IOLoop& loop, UniqueFd listener, Handler handler);
  Acceptor(Acceptor&&) noexcept;
  Acceptor& operator=(Acceptor&&) noexcept;
  ~Acceptor();

  [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }
  [[nodiscard]] NativeFd listener() const noexcept;

  /// @name Not for an empty Acceptor
  /// @{
  /// Leaves clients in the kernel's queue until resume(). Both throw what
  /// IOLoop::update_handler throws, and do nothing once the loop is closed.
  void pause();
  void resume();
  /// Accepts every client that waits now.
  void accept_waiting();
  /// @}

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Tornado's name for an Acceptor on the current loop.
[[nodiscard]] inline Acceptor add_accept_handler(NativeFd listener,
                                                 Acceptor::Handler handler) {
  return {*IOLoop::current(), listener, std::move(handler)};
}

}  // namespace tornado
