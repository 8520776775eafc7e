// SPDX-License-Identifier: Apache-2.0
#include "dialogues.h"

#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <random>

#include "tornado/gen.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

bool is_not_there_yet(const std::error_code& error) {
  return error == std::errc::connection_refused ||
         error == std::errc::no_such_file_or_directory;
}

int native_family(const SocketAddress& address) {
  return static_cast<const sockaddr*>(address.data())->sa_family;
}

}  // namespace

std::string noise(std::size_t size) {
  static std::mt19937 engine;
  std::string bytes(size, '\0');
  std::ranges::generate(bytes, [] { return static_cast<char>(engine()); });
  return bytes;
}

Task<IOStream> dial(SocketAddress to, StreamOptions options) {
  for (;;) {
    IOStream stream(make_socket(native_family(to), SOCK_STREAM), options);
    std::error_code error;
    try {
      co_await stream.connect(to);
    } catch (const StreamClosedError& closed) {
      error = closed.real_error();
      if (!is_not_there_yet(error)) throw;
    }
    if (!error) co_return stream;
    co_await sleep(2ms);
  }
}

Task<IOStream> dial(std::uint16_t port, StreamOptions options) {
  return dial(SocketAddress("127.0.0.1", port), options);
}

std::uint16_t listen(TCPServer& server) {
  server.listen(0, {.address = "127.0.0.1"});
  return server.addresses().front().port();
}

Task<void> echo(IOStream stream, SocketAddress) {
  for (;;) co_await stream.write(co_await stream.read_some());
}

Task<void> capitals(IOStream stream, SocketAddress) {
  for (;;) {
    std::string line = co_await stream.read_until("\n");
    std::ranges::transform(line, line.begin(), [](unsigned char c) {
      return static_cast<char>(std::toupper(c));
    });
    co_await stream.write(line);
  }
}

Task<std::string> ending_of(IOStream& stream) {
  try {
    for (;;) (void)co_await stream.read_some_view();
  } catch (const StreamClosedError& closed) {
    co_return closed.real_error() ? closed.real_error().message() : "end";
  }
}

void reset_at_close(const IOStream& stream) {
  const linger at_once{1, 0};
  ::setsockopt(stream.fileno(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

Task<void> until_true(std::function<bool()> predicate) {
  while (!predicate()) co_await sleep(1ms);
}

Task<std::string> through(IOStream& stream, std::string bytes) {
  const auto size = bytes.size();
  stream.write(bytes);
  co_return co_await stream.read_bytes(size);
}

}  // namespace tornado::test
