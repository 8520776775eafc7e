// SPDX-License-Identifier: Apache-2.0
// Servers over streams: echo, lines, short connections, and connections at rest.
#include "stream_contests.h"

int main(int argc, char** argv) {
  using namespace tornado::bench;
  const StreamContests<PlainSocket> contests(
      {"stream", 10000, 9000},
      joined({our_stream_servers(), peer_stream_servers(), asio_stream_servers()}));
  return compete({"streams",
                  "Servers over loopback TCP. The client, in a process on another core "
                  "where there "
                  "is one, is the same for all. Echo: one message is under way on each "
                  "connection. "
                  "Lines: one connection, whose client does not wait for answers. "
                  "Accepted: a byte "
                  "there and back, 64 connections at once.",
                  contests.all()},
                 argc, argv);
}
