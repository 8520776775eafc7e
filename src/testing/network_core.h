// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "loop/loop_hooks.h"
#include "platform/socket_hooks.h"
#include "poller/poller.h"
#include "tornado/address.h"
#include "tornado/events.h"
#include "tornado/simulated_network.h"
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
  void set_resets_at_close(bool on) noexcept {
    resets_at_close_ = on && family_ != AddressFamily::local;
  }
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
  bool resets_at_close_ = false;
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

/// The hosts, paths and sockets of a simulated network, and what is under way in it.
/// Its calls may come from any thread, since any may close a socket.
class NetworkCore final : public std::enable_shared_from_this<NetworkCore> {
 public:
  using Act = UniqueFunction<void()>;
  using Observer = SimulatedNetwork::Observer;

  struct Host {
    SimulatedHost how;
    TimePoint sends_until{};
    TimePoint receives_until{};
  };
  struct Name {
    std::vector<std::string> ips;
    std::error_code error;
    std::chrono::nanoseconds time;
  };
  /// A transmission from one socket to another.
  struct Trip {
    std::shared_ptr<SimulatedSocket> sender;
    SocketAddress from;
    SocketAddress to;
    std::size_t bytes = 0;
    std::chrono::nanoseconds again{};  // after a loss
    int tries = 0;                     // that are left
    Act arrive = {};
  };
  /// What a poller waits for.
  struct Watch {
    Token token;
    Events events;
    bool spent = false;  // of a one_shot
  };

  NetworkCore(const LoopHooks& clock, std::uint64_t seed);

  // Settings (network_core.cpp).
  void set_host(std::string_view ip, const SimulatedHost& how);
  void set_name(std::string name, Name answer);
  void partition(const std::vector<std::string>& ips);
  void heal();
  std::size_t reset(std::string_view ip);
  [[nodiscard]] std::size_t sockets() const;
  void set_observer(Observer observer);
  /// Null for a name that was not set.
  [[nodiscard]] const Name* find_name(const std::string& name) const;

  // For pollers.
  [[nodiscard]] TimePoint next_event() const;
  void run_due();
  [[nodiscard]] bool contains(NativeFd fd) const;
  void touch(NativeFd fd);
  void collect(std::map<NativeFd, Watch>& watched, std::vector<Ready>& ready);
  [[nodiscard]] std::string describe(NativeFd fd) const;

  // For sockets.
  [[nodiscard]] TimePoint now() const noexcept { return clock_.now(); }
  [[nodiscard]] Host* find_host(const SocketAddress& address);
  [[nodiscard]] std::shared_ptr<SimulatedSocket> find(NativeFd fd) const;
  [[nodiscard]] std::size_t below(std::size_t n);
  [[nodiscard]] bool happens(double chance);
  void at(TimePoint time, Act act);
  void send(Trip trip);
  void tell(const NetworkEvent& event);
  void tell(NetworkEvent::Kind kind, const SimulatedSocket& socket,
            std::size_t bytes = 0, std::error_code error = {});
  void touch(const SimulatedSocket& socket);
  void add(NativeFd fd, std::shared_ptr<SimulatedSocket> socket);
  /// Closes the socket with its last descriptor.
  void remove(NativeFd fd);
  std::uint16_t next_port();

  std::map<SocketAddress, SimulatedSocket*> bound;
  mutable std::recursive_mutex mutex;

 private:
  struct Event {
    TimePoint time;
    std::uint64_t order;  // by chance, or 0
    std::uint64_t number;
    Act act;
    bool operator>(const Event& other) const noexcept {
      return std::tie(time, order, number) >
             std::tie(other.time, other.order, other.number);
    }
  };

  [[nodiscard]] bool is_lost(const Host& from, const Host& to);
  [[nodiscard]] TimePoint arrival(std::size_t bytes, Host& from, Host& to);
  void try_again(const std::shared_ptr<Trip>& trip);
  void launch(const std::shared_ptr<Trip>& trip);

  const LoopHooks& clock_;
  const bool permuting_;
  std::mt19937_64 random_;
  std::map<SocketAddress, Host> hosts_;
  std::map<std::string, Name> names_;
  std::vector<std::set<const Host*>> partitions_;
  std::map<NativeFd, std::shared_ptr<SimulatedSocket>> sockets_;
  std::vector<Event> events_;  // a heap
  std::set<NativeFd> touched_;
  std::shared_ptr<Observer> observer_;
  std::uint64_t last_event_ = 0;
  std::uint16_t last_port_ = 0;
};

/// Its streams are sockets of the calling thread's network from now on, until it is
/// destroyed. Throws std::logic_error if the thread has one.
void enter_network(const std::shared_ptr<NetworkCore>& core);
void leave_network(const std::shared_ptr<NetworkCore>& core) noexcept;

}  // namespace tornado
