// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// For tests of programs that use streams: a network that exists in simulated time
/// alone, with the faults of real ones. The target is tornado::testing.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "tornado/address.h"
#include "tornado/callback.h"
#include "tornado/native.h"
#include "tornado/time.h"

namespace tornado {

class NetworkCore;
class Simulation;

/// How a host of a simulated network behaves. Two hosts that talk add their values.
struct SimulatedHost {
  /// One way, between the host and the network.
  Delay latency = std::chrono::milliseconds(1);
  /// A transmission takes up to this much longer, by chance.
  Delay jitter = std::chrono::nanoseconds(0);
  /// Bytes a second, each way. 0 is no limit.
  std::uint64_t bandwidth = 0;
  /// The chance that a transmission is lost. It is sent again as by TCP: an attempt to
  /// connect after 1, 2, 4 seconds and so on, six times; other transmissions after
  /// 0.2, 0.4, 0.8 seconds and so on, fifteen times. Then the connection times out.
  /// 1: the host never answers.
  double loss = 0;
  /// The chance that a transmission resets its connection.
  double resets = 0;
  /// Every attempt to connect to the host is refused.
  bool refuses = false;
  /// Each read and each write of the host's sockets moves a part, by chance.
  bool short_moves = false;
  /// The most bytes that a connection holds of what the host has sent and the peer has
  /// not read.
  std::size_t buffer = 256 << 10;
};

/// What happens in a simulated network.
struct NetworkEvent {
  enum class Kind : std::uint8_t {
    connecting,  ///< an attempt to connect leaves for the first time
    connected,   ///< it has succeeded
    failed,      ///< it has failed, or the connection has: `error`
    accepted,    ///< a listening socket has a new connection
    sent,        ///< `bytes` leave
    arrived,     ///< `bytes` are there to be read
    ended,       ///< the end of the peer's output has arrived
    lost,        ///< a transmission was lost
    closed,      ///< the program has closed the socket
  };

  TimePoint time;
  Kind kind;
  SocketAddress from;  ///< of the socket
  SocketAddress to;    ///< of its peer
  std::size_t bytes = 0;
  std::error_code error = {};
};

/// "3600.250000000 sent 10.0.0.1:49152 > 10.0.0.2:80 5"
[[nodiscard]] TORNADO_API std::string to_string(const NetworkEvent& event);

/// The network of a Simulation: see Simulation::network(). While it exists, each stream
/// socket that the thread of the simulation makes belongs to it: IPv4, IPv6 and Unix,
/// of make_socket(), TCPServer, TCPClient and the like. ThreadedResolver and
/// bind_sockets() look names up in it. Other descriptors are the system's: pipes,
/// datagram sockets, make_socket_pair(). Only loops of the simulation can wait for its
/// sockets. add_handler() of another loop throws std::errc::invalid_argument.
///
/// Each host has one address. The program has them all: it may listen on any, and a
/// socket that is bound to one is at that host. A socket that listens on the wildcard
/// address is at every host. A socket that connects without being bound is at the local
/// host: 10.0.0.1 or fd00::1. Loopback addresses are a host too. An address of no host
/// is std::errc::network_unreachable.
///
/// Chance comes from the seed of the simulation, so a seed repeats a run exactly.
///
/// Threads: all calls are for the thread of the simulation. A simulated socket may be
/// closed on any thread.
class TORNADO_API SimulatedNetwork {
 public:
  using Observer = UniqueFunction<void(const NetworkEvent&)>;

  SimulatedNetwork(const SimulatedNetwork&) = delete;
  SimulatedNetwork& operator=(const SimulatedNetwork&) = delete;

  /// Adds the host `ip`, or changes it from now on. The local host and loopback have no
  /// latency at first. An empty `ip` stands for all Unix sockets. Throws
  /// std::errc::invalid_argument for other text, and for a chance below 0 or above 1.
  void set_host(std::string_view ip, const SimulatedHost& how = {});

  /// `name` has these addresses, in the order in which a resolver gives them. A
  /// question takes `time`. A name that is not set has none.
  void set_name(std::string name, std::vector<std::string> ips,
                Delay time = std::chrono::nanoseconds(0));
  /// Questions for `name` fail.
  void fail_name(std::string name, std::error_code error,
                 Delay time = std::chrono::nanoseconds(0));

  /// From now on, transmissions between the hosts `ips` and all others are lost.
  /// Several partitions may exist. Throws std::errc::invalid_argument for an unknown
  /// host.
  void partition(const std::vector<std::string>& ips);
  /// Ends all partitions.
  void heal();
  /// Resets every connection of the host at once, on both ends. Gives their number.
  std::size_t reset(std::string_view ip);

  /// How many sockets are open.
  [[nodiscard]] std::size_t sockets() const;
  /// Called for each event, as it happens. It may use the network. Null removes it.
  void set_observer(Observer observer);

 private:
  friend class Simulation;
  explicit SimulatedNetwork(std::shared_ptr<NetworkCore> core) noexcept;

  std::shared_ptr<NetworkCore> core_;
};

}  // namespace tornado
