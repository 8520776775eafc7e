// SPDX-License-Identifier: Apache-2.0
// A program that its user controls through a Unix socket: "status", "workers N",
// "stop".
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <iostream>
#include <string>

#include "tornado/tornado.h"

using tornado::SocketAddress;
using tornado::Task;
using tornado::UniqueFd;
using tornado::UnixStream;

struct State {
  int workers = 2;
  tornado::Event stop;
};

std::string answer(std::string_view command, State& state) {
  if (command == "status\n") return std::to_string(state.workers) + " workers\n";
  if (command == "stop\n") {
    state.stop.set();
    return "stopping\n";
  }
  if (command.starts_with("workers ")) {
    const char* const end = command.data() + command.size();
    const auto [rest, error] = std::from_chars(command.data() + 8, end, state.workers);
    if (error == std::errc() && *rest == '\n') return "ok\n";
  }
  return "unknown command\n";
}

// The socket has mode 0600. This holds also where a directory has been opened to
// others.
Task<> serve(UnixStream stream, State& state) {
  if (stream.peer_credentials().user != getuid()) co_return;
  try {
    for (;;) {
      const std::string line = co_await stream.read_until("\n", {.max_bytes = 100});
      co_await stream.write(answer(line, state));
    }
  } catch (const tornado::StreamClosedError&) {
  }
}

Task<> run(std::string path) {
  State state;
  tornado::TaskGroup clients;
  const UniqueFd listener = tornado::bind_unix_socket(path);
  const auto accepting = tornado::add_accept_handler(
      listener.get(), [&](UniqueFd connection, SocketAddress) {
        clients.start(serve(UnixStream(std::move(connection)), state));
      });
  std::cout << "listening on " << path << std::endl;
  co_await state.stop.wait();
  clients.cancel();
}

int main() {
  namespace fs = std::filesystem;
  const fs::path path =
      fs::temp_directory_path() / ("control-" + std::to_string(getpid()));
  tornado::IOLoop().run_sync(run(path));
  fs::remove(path);
}
