// SPDX-License-Identifier: Apache-2.0
// Streams, servers and clients. What arrives is a prefix of what was written, and all
// of it unless an error is reported.
#include <fcntl.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include "platform/tcp_pair.h"
#include "stage.h"

namespace tornado::torture {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds deadline{250};

/// A fault may make it impossible to go on. The error is reported then.
[[noreturn]] void throw_wrong_bytes() {
  throw std::logic_error("the bytes are not those that were written");
}

std::string text_of(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>('a' + i * 7 % 26);
  }
  return text;
}

Task<void> stop_after(Task<bool> act, IOLoop& loop, bool& right) {
  right = co_await std::move(act);
  loop.stop();
}

/// Whether `act` has ended in time, and with true.
template <class F>
bool play(const Means& means, F act) {
  return on_a_thread([&] {
    bool right = false;
    Stage stage(means);
    stage.loop.spawn_callback(stop_after(act(stage.loop), stage.loop, right));
    return stage.run() && right;
  });
}

/// Closes the stream at the end, whatever the end is: a reader waits for it.
Task<void> write_all(IOStream& stream, std::string_view text) {
  IOStream to = std::move(stream);
  while (!text.empty()) {
    const std::size_t count = (std::min)(text.size(), std::size_t{20000});
    co_await to.write(text.substr(0, count));
    text.remove_prefix(count);
  }
  co_await to.flush();
}

/// Reads until the end, whatever the end is. A wrong byte is no fault's doing.
Task<bool> read_all(IOStream& from, std::string_view text) {
  std::string got;
  while (got.size() < text.size()) {
    try {
      got += co_await from.read_some();
    } catch (const StreamClosedError&) {
      if (!text.starts_with(got)) throw_wrong_bytes();
      throw;
    }
  }
  co_return got == text;
}

Task<bool> carry(IOStream first, IOStream second, std::size_t size) {
  const std::string text = text_of(size);
  TaskGroup writer;
  writer.start(write_all(second, text));
  const bool right = co_await read_all(first, text);
  co_await writer.join();
  co_return right;
}

bool streamed(const Means& means) {
  return play(means, [](IOLoop& loop) {
    FdPair ends = make_socket_pair();
    return carry(IOStream(std::move(ends.first), loop),
                 IOStream(std::move(ends.second), loop), 300000);
  });
}

bool piped(const Means& means) {
  return play(means, [](IOLoop& loop) {
    FdPair ends = make_pipe();
    return carry(PipeIOStream(std::move(ends.first), loop),
                 PipeIOStream(std::move(ends.second), loop), 100000);
  });
}

/// As write_all(): the peer waits for the end.
Task<void> finish(IOStream& stream) {
  try {
    co_await stream.finish({.in_all = deadline, .without_a_byte = deadline});
  } catch (...) {
    stream.close();
    throw;
  }
}

Task<bool> talk(IOStream first, IOStream second, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    second.write("question\n");
    const std::string question = co_await first.read_until("\n");
    if (question != "question\n") throw_wrong_bytes();
    first.write("answer\n");
    const std::string_view answer = co_await second.read_until_view("\n");
    if (answer != "answer\n") throw_wrong_bytes();
  }
  TaskGroup finishing;
  finishing.start(finish(first));
  const bool right = co_await second.read_until_close() == "";
  second.close();
  co_await finishing.join();
  co_return right&& first.closed();
}

template <int rounds>
bool talked(const Means& means) {
  return play(means, [](IOLoop& loop) {
    FdPair ends = open_tcp_pair();
    return talk(IOStream(std::move(ends.first), loop),
                IOStream(std::move(ends.second), loop), rounds);
  });
}

Task<void> echo_lines(IOStream stream, SocketAddress) {
  for (;;) co_await stream.write(co_await stream.read_until("\n"));
}

// A server at its limit goes on: the client may see nothing but its own deadline.
Task<bool> ask_server() {
  TCPServer server(echo_lines);
  server.listen(0, {.address = "127.0.0.1"});
  const SocketAddress to = server.addresses().front();
  TCPClient tcp;
  IOStream client = co_await tcp.connect(to.ip(), to.port(), {.timeout = deadline});
  co_await client.write("line\n");
  const std::string line = co_await client.read_until("\n", {.timeout = deadline});
  client.close();
  co_await server.drain();
  co_return line == "line\n";
}

bool served(const Means& means) {
  return play(means, [](IOLoop&) { return ask_server(); });
}

Task<bool> pass(UnixStream first, UnixStream second) {
  std::vector<UniqueFd> sent;
  sent.push_back(open_file("/dev/null", O_RDONLY));
  sent.push_back(open_file("/dev/null", O_RDONLY));
  co_await second.write_with("two", std::move(sent));
  co_await second.write("none");
  second.close();
  const std::string all = co_await first.read_until_close();
  if (all != "twonone") throw_wrong_bytes();
  co_return first.take_descriptors().size() == 2;
}

bool passed(const Means& means) {
  return play(means, [](IOLoop& loop) {
    FdPair ends = make_socket_pair();
    return pass(UnixStream(std::move(ends.first), loop),
                UnixStream(std::move(ends.second), loop));
  });
}

/// A fault may lose datagrams, and cut one as no network does. None is doubled.
Task<bool> receive_batch(UDPSocket& from, std::span<const std::string> texts) {
  std::size_t next = 0;
  for (std::size_t count = 0; count < texts.size();) {
    for (const Datagram& one : co_await from.receive(deadline)) {
      while (next < texts.size() && !texts[next].starts_with(one.bytes)) ++next;
      if (next++ == texts.size()) throw_wrong_bytes();
      ++count;
    }
  }
  co_return true;
}

Task<bool> exchange(UDPSocket first, UDPSocket second) {
  first.bind(SocketAddress("127.0.0.1", 0));
  second.bind(SocketAddress("127.0.0.1", 0));
  std::size_t refused = 0;
  first.set_error_callback([&](const SocketAddress&, std::error_code) { ++refused; });
  const SocketAddress to = local_address(second.fileno());
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 40; ++i) texts.push_back(text_of(i < 20 ? 100 : i));
  std::vector<OutgoingDatagram> batch;
  for (const std::string& text : texts) batch.push_back({text, to});
  const BatchSent sent = co_await first.send_batch(batch, deadline);
  if (sent.error) throw std::system_error(sent.error, "send_batch");
  const bool right = co_await receive_batch(second, texts);
  second.close();
  co_await first.send_to("lost", to);
  try {
    (void)co_await first.receive(std::chrono::milliseconds(1));
  } catch (const std::system_error& error) {
    if (error.code() != Errc::timed_out) throw;
  }
  co_return right;
}

bool exchanged(const Means& means) {
  return play(means, [](IOLoop& loop) {
    return exchange(UDPSocket(AddressFamily::ipv4, loop),
                    UDPSocket(AddressFamily::ipv4, loop));
  });
}

}  // namespace

std::vector<Family> stream_scenarios() {
  return {
      {"streamed", &streamed, true, false},  {"piped", &piped, true, false},
      {"talked", &talked<3>, true, false},   {"talked_long", &talked<400>, true, false},
      {"served", &served, true, false},      {"passed", &passed, true, false},
      {"exchanged", &exchanged, true, false}};
}

}  // namespace tornado::torture
