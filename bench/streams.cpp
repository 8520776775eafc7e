// SPDX-License-Identifier: Apache-2.0
// Servers over streams: echo, lines, short connections, and connections at rest.

#include <fstream>
#include <string>
#include <thread>

#include "affinity.h"
#include "call_count.h"
#include "stream_load.h"
#include "stream_servers.h"
#include "tornado/time.h"
#include "usage.h"

namespace tornado::bench {
namespace {

/// Runs the server on one core and its client on another.
template <class Serve, class Client>
void measure(Round& round, std::size_t operations, Serve serve, Client client) {
  const Cores cores = cross_core();
  std::thread client_thread([&] {
    pin(cores.second);
    client();
  });
  pin(cores.first);
  const double cpu = thread_cpu_ns();
  const auto begin = Clock::now();
  {
    const CountedSpan counted;
    serve();
  }
  const std::chrono::duration<double> time = Clock::now() - begin;
  const double cpu_end = thread_cpu_ns();
  client_thread.join();
  const auto all = static_cast<double>(operations);
  round.set("rate", all / time.count() / 1000);
  round.set("cpu", (cpu_end - cpu) / all);
  round.set_operations(operations);
}

void echo(Round& round, const StreamServer& server, std::size_t connections,
          std::size_t size, std::size_t usual) {
  const std::size_t messages = std::max(round.times(usual), connections);
  Connections both(connections);
  EchoClient client(std::move(both.clients), messages, size);
  measure(
      round, messages, [&] { server.echo(both.servers, size); }, [&] { client.run(); });
}

void lines(Round& round, const StreamServer& server, void (*serve)(UniqueFd)) {
  const auto share = static_cast<std::size_t>(1 / server.lines_share);
  const std::size_t n = round.times(4000000) / share;
  Connections both(1);
  UniqueFd client = std::move(both.clients.front());
  measure(
      round, n, [&] { serve(std::move(both.servers.front())); },
      [&] {
        run_lines(client, n, line_size);
        client.reset();
      });
}

void accept(Round& round, const StreamServer& server) {
  const std::size_t n = round.times(10000);
  Listening listener(256);
  ConnectClient client(listener, n);
  measure(
      round, n, [&] { server.accept(std::move(listener.socket), n); },
      [&] { client.run(); });
}

// Without the pages of files: code that runs for the first time is no one's memory.
double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double size = 0;
  double resident = 0;
  double of_files = 0;
  file >> size >> resident >> of_files;
  return (resident - of_files) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

/// What the server has for each connection after one message.
void at_rest(Round& round, const StreamServer& server) {
  const std::size_t n = round.times(9000);
  Connections both(n);
  EchoClient client(std::move(both.clients), n, 64);
  double before = 0;
  std::thread client_thread([&] {
    client.run([&] {
      round.set("memory", (resident_bytes() - before) / static_cast<double>(n));
    });
  });
  before = resident_bytes();
  server.echo(both.servers, 1024);
  client_thread.join();
}

std::vector<StreamServer> servers() {
  std::vector<StreamServer> all = our_stream_servers();
  for (const StreamServer& peer : peer_stream_servers()) all.push_back(peer);
  return all;
}

template <class F>
std::vector<Contestant> every_server(F run) {
  std::vector<Contestant> all;
  for (const StreamServer& server : servers()) {
    all.push_back(
        {server.name, server.role, [=](Round& round) { run(round, server); }});
  }
  return all;
}

std::vector<Metric> metrics(const char* of) {
  return {{"cpu", std::string("ns of the server's processor per ") + of},
          {"rate", "thousands per second", Better::higher}};
}

Contest echo_contest(std::size_t size, std::size_t connections, std::size_t messages) {
  const std::string bytes = size < 1024 ? std::to_string(size) + " bytes"
                                        : std::to_string(size / 1024) + " KiB";
  return {"stream echo, " + bytes + ", " + std::to_string(connections) +
              (connections == 1 ? " connection" : " connections"),
          metrics("message"), every_server([=](Round& round, const StreamServer& s) {
            echo(round, s, connections, size, messages);
          }),
          "message"};
}

Contest lines_contest() {
  std::vector<Contestant> all;
  for (const StreamServer& server : servers()) {
    const auto add = [&](const std::string& name, void (*serve)(UniqueFd)) {
      all.push_back(
          {name, server.role, [=](Round& round) { lines(round, server, serve); }});
    };
    add(server.name, server.lines);
    if (server.line_strings) {
      add(std::string(server.name) + ", strings", server.line_strings);
    }
  }
  return {"stream lines of 32 bytes", metrics("line"), std::move(all), "line"};
}

std::vector<Contest> contests() {
  std::vector<Contest> all;
  for (const std::size_t size : {std::size_t{64}, std::size_t{16} << 10}) {
    const std::size_t share = size > 64 ? 2 : 1;
    all.push_back(echo_contest(size, 1, 5000));
    all.push_back(echo_contest(size, 64, 60000 / share));
    all.push_back(echo_contest(size, 1000, 60000 / share));
  }
  all.push_back(lines_contest());
  all.push_back(
      {"stream accepted, answered, closed", metrics("connection"),
       every_server([](Round& round, const StreamServer& s) { accept(round, s); }),
       "connection"});
  all.push_back(
      {"stream at rest",
       {{"memory", "bytes of the server per connection"}},
       every_server([](Round& round, const StreamServer& s) { at_rest(round, s); })});
  return all;
}

}  // namespace
}  // namespace tornado::bench

int main(int argc, char** argv) {
  using namespace tornado::bench;
  return compete(
      {"streams",
       "Servers over loopback TCP. The client, on another core where there is one, is "
       "the same for all. Echo: one message is under way on each connection. Lines: "
       "one "
       "connection, whose client does not wait for answers. Accepted: a byte there and "
       "back, 64 connections at once.",
       contests()},
      argc, argv);
}
