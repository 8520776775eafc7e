// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "tornado/iostream.h"
#include "tornado/tcp_server.h"

namespace tornado::test {

/// Random bytes.
std::string noise(std::size_t size);

/// Connects, and tries again until the server is there.
Task<IOStream> dial(SocketAddress to, StreamOptions options = {});
/// The same on 127.0.0.1.
Task<IOStream> dial(std::uint16_t port, StreamOptions options = {});

/// The port of a server that listens on 127.0.0.1 from now on.
std::uint16_t listen(TCPServer& server);

/// Sends everything back, until the end of input.
Task<void> echo(IOStream stream, SocketAddress peer);
/// Answers each line in capitals.
Task<void> capitals(IOStream stream, SocketAddress peer);

/// "end" or the message of the error that the next read throws. Discards input.
Task<std::string> ending_of(IOStream& stream);

/// Makes the close of a socket a reset.
void reset_at_close(const IOStream& stream);

/// Looks every millisecond.
Task<void> until_true(std::function<bool()> predicate);

/// Sends `bytes`, and gives what comes back. The peer sends them back.
Task<std::string> through(IOStream& stream, std::string bytes);

}  // namespace tornado::test
