// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tornado/iostream.h"
#include "tornado/tcp_server.h"

namespace tornado::test {

/// A small server of HTTP/1.1. It keeps connections open.
///   GET /bytes/N    N bytes
///   POST /echo      the body
///   POST /refuse    a long 413 at once, though the body is still on its way
Task<void> serve_http(IOStream stream, SocketAddress peer);

/// The bytes of /bytes/N: a reader sees which of them are missing.
std::string numbered_bytes(std::size_t count);

/// The body of the 413.
std::string refusal();

/// Moves bytes both ways between a client and `to`, until both directions have ended.
/// Passes an end on as an end, and an error as a reset.
Task<void> relay(IOStream client, SocketAddress to);

/// What a program wrote, and what it returned.
struct Outcome {
  std::string output = {};
  int returncode = -1;
};
/// Runs a program with `input`, which it need not read to the end.
Task<Outcome> run_peer(std::vector<std::string> argv, std::string input = {});

}  // namespace tornado::test
