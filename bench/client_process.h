// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// A client in a process of its own, which measures the process of its server.

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "affinity.h"
#include "call_count.h"
#include "harness.h"
#include "stream_load.h"

namespace tornado::bench {

/// What the server's process has used from begin() to end(). Connections are set up
/// before.
class Meter {
 public:
  /// Of this process, which has one thread.
  Meter() : server_(::getpid()), memory_at_start_(memory()) {
    check(::clock_getcpuclockid(server_, &clock_) == 0, "clock_getcpuclockid");
  }

  struct Seen {
    double cpu = 0;  // nanoseconds
    double seconds = 0;
    double memory = 0;  // bytes that came since the start
    double heap = 0;    // of a HeapProbe
  };

  void begin() {
    counted_.emplace(server_);
    cpu_ = cpu();
    time_ = Clock::now();
  }
  void end(double heap = 0) {
    const std::chrono::duration<double> time = Clock::now() - time_;
    seen_ = {cpu() - cpu_, time.count(), memory() - memory_at_start_, heap};
    counted_.reset();
  }
  [[nodiscard]] const Seen& seen() const { return seen_; }

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] double cpu() const {
    timespec time{};
    ::clock_gettime(clock_, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  }
  // Without the pages of files: code that runs for the first time is no one's memory.
  [[nodiscard]] double memory() const {
    std::ifstream file("/proc/" + std::to_string(server_) + "/statm");
    double size = 0;
    double resident = 0;
    double of_files = 0;
    file >> size >> resident >> of_files;
    return (resident - of_files) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  }

  ::pid_t server_;
  ::clockid_t clock_{};
  double memory_at_start_;
  double cpu_ = 0;
  Clock::time_point time_;
  std::optional<CountedSpan> counted_;
  Seen seen_;
};

/// Tells a client how much of the server's heap is in use, more than at the start.
class HeapProbe {
 public:
  HeapProbe() { check(::pipe(ask_) == 0 && ::pipe(tell_) == 0, "pipe"); }

  /// In the client. The server answers from another thread meanwhile.
  double ask() {
    double bytes = 0;
    check(::write(ask_[1], "?", 1) == 1 &&
              ::read(tell_[0], &bytes, sizeof bytes) == sizeof bytes,
          "the probe");
    return bytes;
  }
  /// In the server: runs `serve`, and answers once.
  template <class Serve>
  void answer_during(Serve serve) {
    const double before = in_use();
    std::thread thread([&] {
      char question = 0;
      check(::read(ask_[0], &question, 1) == 1, "the probe");
      const double bytes = in_use() - before;
      check(::write(tell_[1], &bytes, sizeof bytes) == sizeof bytes, "the probe");
    });
    serve();
    thread.join();
  }

 private:
  static double in_use() {
    const struct mallinfo2 heap = ::mallinfo2();
    return static_cast<double>(heap.uordblks + heap.hblkhd);
  }

  int ask_[2];
  int tell_[2];
};

/// Runs `serve` on one core, and meanwhile `client(meter)` in a child on another core.
template <class Serve, class Client>
Meter::Seen measure(Serve serve, Client client) {
  const Cores cores = cross_core();
  Meter meter;
  int ends[2];
  check(::pipe(ends) == 0, "pipe");
  const ::pid_t child = ::fork();
  check(child != -1, "fork");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(cores.second);
    client(meter);
    const Meter::Seen seen = meter.seen();
    check(::write(ends[1], &seen, sizeof seen) == sizeof seen, "the client's report");
    std::_Exit(0);
  }
  ::close(ends[1]);
  pin(cores.first);
  serve();
  Meter::Seen seen;
  check(::read(ends[0], &seen, sizeof seen) == sizeof seen, "the client failed");
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return seen;
}

/// The same, as the figures "cpu" and "rate".
template <class Serve, class Client>
void measure(Round& round, std::size_t operations, Serve serve, Client client) {
  const Meter::Seen seen = measure(serve, client);
  const auto all = static_cast<double>(operations);
  round.set("rate", all / seen.seconds / 1000);
  round.set("cpu", seen.cpu / all);
  round.set_operations(operations);
}

/// Measures `serve(sockets)`, which sends each message of `size` bytes back.
template <class Socket, class Serve>
void measure_echo(Round& round, std::size_t messages, std::size_t connections,
                  std::size_t size, Serve serve) {
  Connections both(connections);
  measure(
      round, messages, [&] { serve(both.servers_alone()); },
      [&](Meter& meter) {
        EchoClient<Socket> client(both.open_clients<Socket>(), size);
        client.begin();
        meter.begin();
        client.run(messages);
        meter.end();
      });
}

}  // namespace tornado::bench
