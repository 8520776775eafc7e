// SPDX-License-Identifier: Apache-2.0
#pragma once

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
#include "testing/simulated_socket.h"
#include "tornado/simulated_network.h"

namespace tornado {

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
void leave_network(NetworkCore& core) noexcept;

}  // namespace tornado
