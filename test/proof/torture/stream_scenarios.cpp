// SPDX-License-Identifier: Apache-2.0
// Streams, servers and clients. What arrives is a prefix of what was written, and all
// of it unless an error is reported.
#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>

#include "platform/tcp_pair.h"
#include "stage.h"
#if defined(TORNADO_TLS_ENDS)
#include <malloc.h>
#include <openssl/crypto.h>

#include <cstring>
#include <new>
#include <stdexcept>

#include "tls_ends.h"
#endif

namespace tornado::torture {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds deadline{250};

/// A fault may make it impossible to go on. The error is reported then. What no fault
/// may do ends the process.
[[noreturn]] void refuse(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}
[[noreturn]] void refuse_wrong_bytes() {
  refuse("the bytes are not those that were written");
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

/// Whether a close_notify tells an end from a cut.
enum class Over { plain, tls };

/// The error is told again, and is the same.
Task<void> read_after(IOStream& from, std::error_code told) {
  try {
    (void)co_await from.read_some();
  } catch (const StreamClosedError& closed) {
    if (closed.real_error() == told) co_return;
  }
  refuse("a second end was told");
}

/// Reads until the end, whatever the end is. A wrong byte is no fault's doing.
Task<bool> read_all(IOStream& from, std::string_view text, Over over) {
  std::string got;
  std::exception_ptr end;
  std::error_code why;
  while (got.size() < text.size() && !end) {
    try {
      got += co_await from.read_some();
    } catch (const StreamClosedError& closed) {
      why = closed.real_error();
      end = std::current_exception();
    }
  }
  if (!text.starts_with(got)) refuse_wrong_bytes();
  if (!end) co_return true;
  if (over == Over::tls && !why) refuse("a cut was taken for the end");
  co_await read_after(from, why);
  std::rethrow_exception(end);
}

Task<bool> carry(IOStream first, IOStream second, std::size_t size,
                 Over over = Over::plain) {
  const std::string text = text_of(size);
  TaskGroup writer;
  writer.start(write_all(second, text));
  const bool right = co_await read_all(first, text, over);
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
    if (question != "question\n") refuse_wrong_bytes();
    first.write("answer\n");
    const std::string_view answer = co_await second.read_until_view("\n");
    if (answer != "answer\n") refuse_wrong_bytes();
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
  co_await second.flush();  // no reset would tell the peer
  second.close();
  const std::string all = co_await first.read_until_close();
  if (all != "twonone") refuse_wrong_bytes();
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
      if (next++ == texts.size()) refuse_wrong_bytes();
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

#if defined(TORNADO_TLS_ENDS)

/// Two ends before their handshake, each with a context of its own.
struct TLSEnds {
  TLSEnds(IOLoop& loop, TLSVersion version)
      : server_context(SSLContext::for_server(test::server_options(version))),
        client_context(SSLContext::for_client(test::client_options())),
        sockets(open_tcp_pair()),
        server(std::move(sockets.first), loop),
        client(std::move(sockets.second), loop) {}

  SSLContext server_context;
  SSLContext client_context;
  FdPair sockets;
  IOStream server;
  IOStream client;
};

/// The handshake begins with the first operation.
template <TLSVersion version, class F>
bool play_over_tls(const Means& means, F act) {
  return play(means, [act](IOLoop& loop) {
    TLSEnds ends(loop, version);
    return act(SSLIOStream(std::move(ends.server), ends.server_context),
               SSLIOStream(std::move(ends.client), ends.client_context, "localhost"));
  });
}

template <TLSVersion version, int rounds>
bool talked_over_tls(const Means& means) {
  return play_over_tls<version>(means, [](IOStream first, IOStream second) {
    return talk(std::move(first), std::move(second), rounds);
  });
}

// A client that only writes must finish(): close() would leave the tickets unread.
template <TLSVersion version>
bool streamed_over_tls(const Means& means) {
  return play_over_tls<version>(means, [](IOStream server, IOStream client) {
    return carry(std::move(client), std::move(server), 300000, Over::tls);
  });
}

Task<SSLIOStream> answer_in_plain(IOStream plain, SSLContext context) {
  const std::string line = co_await plain.read_until("\n");
  if (line != "begin\n") refuse_wrong_bytes();
  co_return co_await start_tls(std::move(plain), std::move(context));
}

Task<bool> start_in_plain(TLSEnds ends) {
  ends.client.write("begin\n");
  auto both =
      multi(answer_in_plain(std::move(ends.server), ends.server_context),
            start_tls(std::move(ends.client), ends.client_context, "localhost"));
  auto streams = co_await std::move(both);
  co_return co_await talk(std::move(std::get<0>(streams)),
                          std::move(std::get<1>(streams)), 3);
}

template <TLSVersion version>
bool started_tls(const Means& means) {
  return play(means,
              [](IOLoop& loop) { return start_in_plain(TLSEnds(loop, version)); });
}

// OpenSSL allocates by operator new: its failures are struck, and its blocks counted.
void* allocate(std::size_t size, const char*, int) noexcept {
  return size == 0 ? nullptr : ::operator new(size, std::nothrow);
}
void release(void* block, const char*, int) noexcept {
  ::operator delete(block);
}
void* reallocate(void* block, std::size_t size, const char* file, int line) noexcept {
  void* const made = allocate(size, file, line);
  if (!made && size > 0) return nullptr;
  const std::size_t known = block ? ::malloc_usable_size(block) : 0;
  if (made && block) std::memcpy(made, block, (std::min)(size, known));
  release(block, file, line);
  return made;
}

void count_openssl_blocks() {
  if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1) {
    throw std::logic_error("OpenSSL has allocated before");
  }
}

template <TLSVersion version>
void add_tls(std::vector<Family>& all, const std::string& name) {
  // OpenSSL keeps from then on what it has found, which a fault would look like a leak.
  talked_over_tls<version, 1>({.patience = 10s});
  all.push_back({name + "_talked", &talked_over_tls<version, 3>, true, false});
  all.push_back({name + "_talked_long", &talked_over_tls<version, 100>, true, false});
  all.push_back({name + "_streamed", &streamed_over_tls<version>, true, false});
  all.push_back({name + "_started", &started_tls<version>, true, false});
}

#endif

}  // namespace

std::vector<Family> stream_scenarios() {
  std::vector<Family> all = {
      {"streamed", &streamed, true, false},  {"piped", &piped, true, false},
      {"talked", &talked<3>, true, false},   {"talked_long", &talked<400>, true, false},
      {"served", &served, true, false},      {"passed", &passed, true, false},
      {"exchanged", &exchanged, true, false}};
#if defined(TORNADO_TLS_ENDS)
  count_openssl_blocks();
  add_tls<TLSVersion::tls1_2>(all, "tls1_2");
  add_tls<TLSVersion::tls1_3>(all, "tls1_3");
#endif
  return all;
}

}  // namespace tornado::torture
