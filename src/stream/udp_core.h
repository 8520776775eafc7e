// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "net/datagram_calls.h"
#include "net/socket_calls.h"
#include "tornado/registration.h"

namespace tornado::detail {

inline bool would_block(const std::error_code& error) noexcept {
  return Moved{0, error}.would_block();
}

/// The descriptor, its buffer, and the waits.
class UDPCore : public std::enable_shared_from_this<UDPCore> {
 public:
  UDPCore(UniqueFd socket, AddressFamily family, IOLoop& loop,
          const UDPOptions& options) noexcept
      : loop_(loop.handle()),
        socket_(std::move(socket)),
        family_(family),
        options_(options) {}

  [[nodiscard]] LoopHandle& loop() noexcept { return loop_; }
  [[nodiscard]] NativeFd fileno() const noexcept { return socket_.get(); }
  [[nodiscard]] AddressFamily family() const noexcept { return family_; }
  /// Throws unless this thread may use the socket now.
  IOLoop& check(const char* act) const;
  /// The same for a wait of `frame`.
  void check(const char* act, const TaskFrame& frame) const;

  /// Whether there is something for a reader: datagrams or an error.
  bool receive();
  /// What receive() has found. Throws the error.
  DatagramBatch take();
  /// One reader at a time, until it has taken.
  void begin_read(ReceiveWait& wait);
  void end_read(const ReceiveWait& wait) noexcept {
    if (reader_ == &wait) reader_ = nullptr;
  }
  BatchSent send(std::span<const OutgoingDatagram> all) noexcept;
  void set_error_callback(UDPSocket::ErrorCallback callback);
  void close() noexcept;

  [[nodiscard]] WaitLine& readers() noexcept { return waits_->readers; }
  [[nodiscard]] WaitLine& writers() noexcept { return waits_->writers; }
  /// Before a wait enters its line.
  void watch(Events also);

 private:
  void on_events(Events events);
  void on_readable();
  void send_waiting() noexcept;
  void tell_errors();
  std::error_code receive_into_buffer();

  struct Waits {
    WaitLine readers;
    WaitLine writers;
  };
  using SharedCallback = std::shared_ptr<UDPSocket::ErrorCallback>;

  LoopHandle loop_;
  UniqueFd socket_;
  Registration watching_;  // destroyed before the socket
  const AddressFamily family_;
  const UDPOptions options_;
  std::optional<Waits> waits_{std::in_place};  // until the socket is closed
  std::unique_ptr<DatagramBuffer> buffer_;     // from the first receive on
  ReceiveWait* reader_ = nullptr;
  SharedCallback on_error_;
  std::error_code failure_;  // for the next reader
  Segmenting segmenting_;
  Events interest_ = Events::none;
  int batches_ = 0;        // since the last event
  bool drained_ = false;   // an event tells of the next datagram
  bool received_ = false;  // the buffer has datagrams that no task has taken
  bool full_ = false;      // the kernel has no room
  bool queues_errors_ = false;
  bool hears_errors_ = false;  // also while no task waits
};

}  // namespace tornado::detail
