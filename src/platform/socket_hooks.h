// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The seam beneath the calls on sockets, for the test kit.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "tornado/fd.h"

namespace tornado {

using Bytes = std::span<const std::byte>;

/// What a transfer came to. Without bytes and without an error it is the end of input.
/// An error beside bytes is of what follows them.
struct Moved {
  std::size_t bytes = 0;
  std::error_code error = {};

  [[nodiscard]] bool would_block() const noexcept {
    return error && (error == std::errc::operation_would_block ||
                     error == std::errc::resource_unavailable_try_again);
  }
};

/// Sockets that are not the system's. Each has a descriptor of the system, for its
/// number alone. A name is a `sockaddr` and its size. Any thread.
class SocketHooks {
 public:
  /// A socket for the calling thread. Empty: the system makes it.
  virtual UniqueFd open(int domain, int type) = 0;
  /// Whether `fd` is open()'s or accept()'s. The calls below are for these alone.
  [[nodiscard]] virtual bool owns(NativeFd fd) noexcept = 0;

  virtual UniqueFd accept(NativeFd listener, void* peer, std::size_t& size) = 0;
  virtual std::error_code bind(NativeFd fd, const void* name,
                               std::size_t size) noexcept = 0;
  virtual std::error_code listen(NativeFd fd, int backlog) noexcept = 0;
  virtual std::error_code connect(NativeFd fd, const void* name,
                                  std::size_t size) noexcept = 0;
  /// How the attempt to connect has ended.
  virtual std::error_code connect_result(NativeFd fd) noexcept = 0;
  virtual std::error_code stop_sending(NativeFd fd) noexcept = 0;
  virtual std::error_code set_option(NativeFd fd, int level, int option,
                                     Bytes value) noexcept = 0;
  /// Writes the name of the socket, or of its peer.
  virtual std::error_code name(NativeFd fd, bool of_peer, void* name,
                               std::size_t& size) noexcept = 0;
  /// Descriptors that come with the bytes are added to `with`, or closed if it is null.
  virtual Moved receive(NativeFd fd, std::span<std::byte> room,
                        std::vector<UniqueFd>* with) noexcept = 0;
  /// Copies of `with` go with the first byte.
  virtual Moved send(NativeFd fd, std::span<const Bytes> pieces,
                     std::span<const UniqueFd> with) noexcept = 0;
  virtual void duplicated(NativeFd fd, NativeFd copy) = 0;
  /// Before the descriptor is closed.
  virtual void closing(NativeFd fd) noexcept = 0;

  /// How long a question for the addresses of a name takes. Empty: the system answers.
  virtual std::optional<std::chrono::nanoseconds> lookup_time(
      const std::string& host) = 0;
  /// The addresses that lookup_time() announced.
  virtual std::error_code look_up(const std::string& host, bool passive,
                                  std::vector<std::string>& ips) = 0;

 protected:
  ~SocketHooks() = default;
};

/// Null unless a program tests with a simulated network.
extern constinit std::atomic<SocketHooks*> socket_hooks;

/// The hooks that own `fd`, or null.
inline SocketHooks* hooks_of(NativeFd fd) noexcept {
  SocketHooks* const hooks = socket_hooks.load(std::memory_order_acquire);
  return hooks && hooks->owns(fd) ? hooks : nullptr;
}

}  // namespace tornado
