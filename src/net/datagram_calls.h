// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The system's calls on sockets of datagrams, without exceptions.

#include <cstddef>
#include <memory>
#include <span>
#include <system_error>

#include "tornado/udp.h"

namespace tornado {

/// Room for the datagrams of one receive.
class DatagramBuffer {
 public:
  /// `coalesced`: the kernel may put several datagrams of one size into a message.
  DatagramBuffer(std::size_t datagram_size, bool coalesced);
  ~DatagramBuffer();
  DatagramBuffer(const DatagramBuffer&) = delete;
  DatagramBuffer& operator=(const DatagramBuffer&) = delete;

  /// Receives once. Without an error there is a datagram at least.
  std::error_code receive(NativeFd socket) noexcept;
  [[nodiscard]] DatagramBatch datagrams() const noexcept;
  /// Whether the kernel may have more than the last receive gave.
  [[nodiscard]] bool full() const noexcept;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Whether the system puts datagrams together. Asks it to do so.
bool coalesce_received(NativeFd socket) noexcept;
std::error_code tell_packet_info(NativeFd socket, AddressFamily family) noexcept;

/// What is known of UDP_SEGMENT on a socket.
struct Segmenting {
  bool asked = false;
  /// The longest datagram that may be a segment. 0: no datagram.
  std::size_t longest = 0;
};
/// Sends from the front, until all are sent or one is refused.
BatchSent send_datagrams(NativeFd socket, std::span<const OutgoingDatagram> all,
                         Segmenting& segmenting) noexcept;

/// Whether errors of datagrams wait in a queue for next_datagram_error(). not_supported
/// where the system has no such queue.
std::error_code queue_errors(NativeFd socket, AddressFamily family, bool on) noexcept;
struct DatagramError {
  SocketAddress destination;
  std::error_code error;
};
/// False if there is none.
bool next_datagram_error(NativeFd socket, DatagramError& found) noexcept;

/// Whether calls on the socket fail by what ICMP tells of earlier datagrams, where the
/// system does not distinguish sockets that are connected.
void hear_errors(NativeFd socket, bool on) noexcept;

std::error_code set_multicast_interface(NativeFd socket, AddressFamily family,
                                        unsigned interface_index) noexcept;

}  // namespace tornado
