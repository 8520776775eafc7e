// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The contests of servers over streams: echo, lines, short connections, and
/// connections at rest. `Socket` is the client's.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "client_process.h"
#include "stream_servers.h"

namespace tornado::bench {

template <class Socket>
class StreamContests {
 public:
  /// What contests are called, and how many connections are accepted, and at rest.
  struct Scale {
    std::string name;
    std::size_t accepted;
    std::size_t at_rest;
  };

  StreamContests(Scale scale, std::vector<StreamServer> servers)
      : scale_(std::move(scale)), servers_(std::move(servers)) {}

  [[nodiscard]] std::vector<Contest> all() const {
    std::vector<Contest> all;
    for (const std::size_t size : {std::size_t{64}, std::size_t{16} << 10}) {
      const std::size_t share = size > 64 ? 2 : 1;
      all.push_back(echo_contest(size, 1, 5000));
      all.push_back(echo_contest(size, 64, 60000 / share));
      all.push_back(echo_contest(size, 1000, 60000 / share));
    }
    all.push_back(lines_contest());
    const std::size_t accepted = scale_.accepted;
    all.push_back({scale_.name + " accepted, answered, closed", metrics("connection"),
                   every_server([accepted](Round& round, const StreamServer& server) {
                     accept(round, server, accepted);
                   }),
                   "connection"});
    const std::size_t resting = scale_.at_rest;
    all.push_back({scale_.name + " at rest",
                   {{"memory", "resident bytes of the server per connection"},
                    {"heap", "bytes in use of the server's heap per connection"}},
                   every_server([resting](Round& round, const StreamServer& server) {
                     rest(round, server, resting);
                   })});
    return all;
  }

 private:
  static void echo(Round& round, const StreamServer& server, std::size_t connections,
                   std::size_t size, std::size_t usual) {
    const std::size_t messages = std::max(round.times(usual), connections);
    measure_echo<Socket>(
        round, messages, connections, size,
        [&](std::vector<UniqueFd>& sockets) { server.echo(sockets, size); });
  }

  static void lines(Round& round, const StreamServer& server, void (*serve)(UniqueFd)) {
    const auto share = static_cast<std::size_t>(1 / server.lines_share);
    const std::size_t n = round.times(4000000) / share;
    Connections both(1);
    measure(
        round, n, [&] { serve(std::move(both.servers_alone().front())); },
        [&](Meter& meter) {
          Socket client = std::move(both.open_clients<Socket>().front());
          run_lines(client, 1, line_size);
          meter.begin();
          run_lines(client, n, line_size);
          meter.end();
        });
  }

  static void accept(Round& round, const StreamServer& server, std::size_t usual) {
    const std::size_t n = round.times(usual);
    Listening listener(256);
    measure(
        round, n, [&] { server.accept(std::move(listener.socket), n); },
        [&](Meter& meter) {
          listener.socket.reset();
          ConnectClient<Socket> client(listener, n);
          meter.begin();
          client.run();
          meter.end();
        });
  }

  /// What the server has for each connection after one message.
  static void rest(Round& round, const StreamServer& server, std::size_t usual) {
    const std::size_t n = round.times(usual);
    Connections both(n);
    HeapProbe probe;
    const Meter::Seen seen = measure(
        [&] { probe.answer_during([&] { server.echo(both.servers_alone(), 1024); }); },
        [&](Meter& meter) {
          EchoClient<Socket> client(both.open_clients<Socket>(), 64);
          client.begin();
          meter.begin();
          meter.end(probe.ask());
        });
    round.set("heap", seen.heap / static_cast<double>(n));
    round.set("memory", seen.memory / static_cast<double>(n));
  }

  static std::vector<Metric> metrics(const char* of) {
    return {{"cpu", std::string("ns of the server's processor per ") + of},
            {"rate", "thousands per second", Better::higher}};
  }

  template <class F>
  [[nodiscard]] std::vector<Contestant> every_server(F run) const {
    std::vector<Contestant> all;
    for (const StreamServer& server : servers_) {
      all.push_back(
          {server.name, server.role, [=](Round& round) { run(round, server); }});
    }
    return all;
  }

  [[nodiscard]] Contest echo_contest(std::size_t size, std::size_t connections,
                                     std::size_t messages) const {
    const std::string bytes = size < 1024 ? std::to_string(size) + " bytes"
                                          : std::to_string(size / 1024) + " KiB";
    return {scale_.name + " echo, " + bytes + ", " + std::to_string(connections) +
                (connections == 1 ? " connection" : " connections"),
            metrics("message"), every_server([=](Round& round, const StreamServer& s) {
              echo(round, s, connections, size, messages);
            }),
            "message"};
  }

  [[nodiscard]] Contest lines_contest() const {
    std::vector<Contestant> all;
    for (const StreamServer& server : servers_) {
      const auto add = [&](const std::string& name, void (*serve)(UniqueFd)) {
        all.push_back(
            {name, server.role, [=](Round& round) { lines(round, server, serve); }});
      };
      add(server.name, server.lines);
      if (server.line_strings) {
        add(std::string(server.name) + ", strings", server.line_strings);
      }
    }
    return {scale_.name + " lines of 32 bytes", metrics("line"), std::move(all),
            "line"};
  }

  Scale scale_;
  std::vector<StreamServer> servers_;
};

/// In one list.
inline std::vector<StreamServer> joined(
    std::initializer_list<std::vector<StreamServer>> lists) {
  std::vector<StreamServer> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

}  // namespace tornado::bench
