// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Connections to a name and a port.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "tornado/address.h"
#include "tornado/iostream.h"
#include "tornado/resolver.h"
#include "tornado/task.h"

namespace tornado {

struct ConnectOptions {
  AddressFamily family = AddressFamily::any;
  /// For the lookup and all attempts together. Then Errc::timed_out is thrown, and
  /// nothing is left behind.
  std::optional<Delay> timeout = {};
  /// How long an attempt goes on alone, before the next one begins beside it.
  Delay attempt_delay = std::chrono::milliseconds(250);
  /// The socket's own address: of the same family, and with port 0 for any port.
  /// Without one the system chooses.
  SocketAddress source = {};
  StreamOptions stream = {};
};

/// No address could be connected to. code() is the error of the last attempt to fail.
/// If the resolver found no address, it is std::errc::address_not_available.
class TORNADO_API ConnectError : public std::system_error {
 public:
  struct Attempt {
    SocketAddress address;
    std::error_code error;
  };

  ConnectError(const std::string& host, std::vector<Attempt> attempts);
  /// In the order in which they failed.
  [[nodiscard]] const std::vector<Attempt>& attempts() const noexcept {
    return attempts_;
  }

 private:
  std::vector<Attempt> attempts_;
};

/// Connects by the rules of RFC 8305: the families of the addresses alternate. An
/// attempt that takes long gets a companion, and one that fails a successor. The first
/// to connect wins; the others are closed. A connection of a socket to itself, which
/// TCP allows, is refused.
class TORNADO_API TCPClient {
 public:
  TCPClient() : TCPClient(Resolver::standard()) {}
  /// `resolver` must outlive this.
  explicit TCPClient(Resolver& resolver) noexcept : resolver_(resolver) {}

  /// Throws ConnectError, and what the resolver throws.
  [[nodiscard]] Task<IOStream> connect(std::string host, std::uint16_t port,
                                       const ConnectOptions& options = {});

 private:
  Resolver& resolver_;
};

}  // namespace tornado
