// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "harness.h"
#include "tornado/fd.h"

namespace tornado::bench {

constexpr std::size_t line_size = 32;

/// What one library's servers do, each on the thread that calls it.
struct StreamServer {
  const char* name;
  Role role;
  /// Sends back what arrives, with room for `message` bytes, until all are closed by
  /// the clients.
  void (*echo)(std::vector<UniqueFd>& fds, std::size_t message);
  /// Sends back each line by itself, until the client has closed.
  void (*lines)(UniqueFd fd);
  /// Accepts `n` connections; sends one byte back on each, and closes it.
  void (*accept)(UniqueFd listener, std::size_t n);
  /// How many lines are measured where others take 1.
  double lines_share = 1;
  void (*line_strings)(UniqueFd fd) = nullptr;
};

std::vector<StreamServer> our_stream_servers();
std::vector<StreamServer> peer_stream_servers();
std::vector<StreamServer> asio_stream_servers();

/// The same over TLS, with the certificate of tls_socket.h.
std::vector<StreamServer> our_tls_servers();
std::vector<StreamServer> peer_tls_servers();
std::vector<StreamServer> asio_tls_servers();

}  // namespace tornado::bench
