// SPDX-License-Identifier: Apache-2.0
// The servers of streams.cpp over TLS.
#include "stream_contests.h"
#include "tls_socket.h"

int main(int argc, char** argv) {
  using namespace tornado::bench;
  const StreamContests<TLSSocket> contests(
      {"TLS", 4000, 4500},
      joined({our_tls_servers(), peer_tls_servers(), asio_tls_servers()}));
  return compete(
      {"tls",
       "The servers of streams over TLS 1.3 with AES-128-GCM and a certificate of "
       "P-256. The client, in a process on another core where there is one, is the "
       "same "
       "for all. Handshakes are not measured, except in Accepted: a handshake, a byte "
       "there and back, and the end, 64 connections at once.",
       contests.all()},
      argc, argv);
}
