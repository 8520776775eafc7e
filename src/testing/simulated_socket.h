// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "platform/socket_hooks.h"
#include "tornado/address.h"
#include "tornado/events.h"
#include "tornado/time.h"

namespace tornado {

class NetworkCore;

/// A socket of a simulated network: a listener, or one end of a connection. The calls
/// are those of the system, and fail as they do on Linux.
class SimulatedSocket final : public std::enable_shared_from_this<SimulatedSocket> {
 public:
  SimulatedSocket(NetworkCore& network, AddressFamily family) noexcept
      : network_(network), family_(family) {}
  ~SimulatedSocket();
  SimulatedSocket(const SimulatedSocket&) = delete;
  SimulatedSocket& operator=(const SimulatedSocket&) = delete;

  std::error_code bind(SocketAddress address);
  std::error_code listen(int backlog);
  std::error_code connect(SocketAddress address);
  std::error_code connect_result();
  /// The connection that waits for accept(). Null if there is none.
  [[nodiscard]] std::shared_ptr<SimulatedSocket> next_connection() const;
  void accepted() { waiting_.pop_front(); }
  std::error_code stop_sending();
  Moved receive(std::span<std::byte> room, std::vector<UniqueFd>* with);
  Moved send(std::span<const Bytes> pieces, std::span<const UniqueFd> with);
  /// The program has no descriptor of it any more.
  void close();
  /// The connection, or the attempt to connect, ends by `error`.
  void fail(std::errc error);
  /// Resets both ends at once.
  void break_off();

  [[nodiscard]] Events readiness() const;
  [[nodiscard]] AddressFamily family() const noexcept { return family_; }
  [[nodiscard]] const SocketAddress& local() const noexcept { return local_; }
  [[nodiscard]] const SocketAddress& peer() const noexcept { return peer_; }
  [[nodiscard]] bool listening() const noexcept { return state_ == State::listening; }
  [[nodiscard]] bool connected() const noexcept { return state_ == State::connected; }
  [[nodiscard]] bool broken() const noexcept { return broken_; }

  std::vector<NativeFd> numbers;  // of its descriptors

 private:
  enum class State : std::uint8_t { fresh, listening, connecting, connected };
  using Socket = std::shared_ptr<SimulatedSocket>;

  /// What goes to the peer in order.
  struct Segment {
    enum class Kind : std::uint8_t { established, data, end, reset };
    Kind kind;
    std::string bytes = {};
    std::vector<UniqueFd> with = {};
    bool arrived = false;
  };

  // Connecting (simulated_connect.cpp).
  std::error_code connect_by_path();
  [[nodiscard]] SimulatedSocket* find_listener() const;
  void send_attempt(std::chrono::nanoseconds again, int tries);
  void attempt_arrives(TimePoint next, std::chrono::nanoseconds again, int tries);
  void refuse();
  [[nodiscard]] bool full() const noexcept;
  Socket make_end_for(SimulatedSocket& client);
  void answer(SimulatedSocket& client);
  void on_answer();
  void on_established();

  // A connection (simulated_socket.cpp).
  void close_with_reset();
  void launch(Segment segment);
  void deliver();
  void take(Segment& segment);
  void reset_from_afar();
  void give_room(std::size_t bytes);
  std::error_code take_error() noexcept { return std::exchange(error_, {}); }
  [[nodiscard]] std::size_t room() const;
  [[nodiscard]] std::size_t part_of(std::size_t most) const;

  NetworkCore& network_;
  const AddressFamily family_;
  State state_ = State::fresh;
  SocketAddress local_;
  SocketAddress peer_;
  SocketAddress bound_to_;  // of bind()
  std::error_code error_;   // that the next call tells
  bool broken_ = false;     // nothing leaves it, and nothing arrives
  bool gone_ = false;       // the program has closed it
  bool input_ended_ = false;
  bool output_ended_ = false;

  // Of a listener.
  std::size_t backlog_ = 0;
  std::size_t coming_ = 0;  // connections that are not yet established
  std::deque<Socket> waiting_;

  // Of a connection.
  std::weak_ptr<SimulatedSocket> other_;
  std::weak_ptr<SimulatedSocket> listener_;  // until it is established
  std::deque<std::shared_ptr<Segment>> flying_;
  std::size_t outstanding_ = 0;  // sent, and not known to be read
  std::deque<Segment> inbox_;
  std::size_t read_ = 0;    // of the first
  std::size_t unread_ = 0;  // of all
};

}  // namespace tornado
