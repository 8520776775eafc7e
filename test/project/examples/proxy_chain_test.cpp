// SPDX-License-Identifier: Apache-2.0
// A chain of three proxies, whose conversations end or are reset at random offsets.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "client.h"
#include "program.h"
#include "support/scale.h"
#include "support/wait.h"
#include "tornado/tornado.h"
#if defined(TORNADO_TLS_ENDS)
#include "tls_ends.h"
#endif

namespace tornado::test {
namespace {

constexpr std::size_t most_bytes = 150'000;
constexpr std::size_t at_a_time = 16;
constexpr StreamOptions half_open{.half_open = true};

/// What one of the two sides sends, and how it ends.
struct Part {
  std::string bytes;
  bool resets = false;  // somewhere, or after the last byte
  std::size_t until = 0;
};

/// What came through the chain.
struct Seen {
  std::string bytes;
  bool ended = false;  // cleanly, and not by a reset
};

struct Conversation {
  Part question;
  Part answer;
  Seen by_server;
  Seen by_client;
};

Part random_part(Random& random) {
  Part part;
  part.bytes.resize(random.below(most_bytes));
  for (char& c : part.bytes) c = static_cast<char>(random.below(256));
  part.resets = random.one_in(3);
  part.until = part.resets ? random.below(part.bytes.size() + 1) : part.bytes.size();
  return part;
}

/// In pieces; then the end of output, or a reset.
Task<void> send(IOStream& stream, const Part& part) {
  constexpr std::size_t piece = 10'000;
  for (std::size_t at = 0; at < part.until; at += piece) {
    const std::size_t size = (std::min)(piece, part.until - at);
    co_await stream.write(std::string_view(part.bytes).substr(at, size));
  }
  if (part.resets) {
    co_await stream.flush();
    stream.abort();
  } else {
    co_await stream.shutdown_write();
  }
}

Task<void> receive(IOStream& stream, Seen& seen) {
  try {
    for (;;) seen.bytes += co_await stream.read_some();
  } catch (const StreamClosedError& closed) {
    seen.ended = !closed.real_error() && !stream.closed();
  }
}

Task<void> send_unless_reset(IOStream& stream, const Part& part) {
  try {
    co_await send(stream, part);
  } catch (const StreamClosedError&) {
  }
}

enum class Over { plain, tls1_2, tls1_3 };

#if defined(TORNADO_TLS_ENDS)
constexpr Over each_kind[] = {Over::plain, Over::tls1_2, Over::tls1_3};

Task<IOStream> connect(Over over, std::uint16_t port) {
  const ConnectOptions options{.stream = half_open};
  TCPClient client;
  if (over == Over::plain) {
    IOStream plain = co_await client.connect("127.0.0.1", port, options);
    co_return plain;
  }
  SSLIOStream stream =
      co_await connect_tls(client, "127.0.0.1", port, client_context(), options);
  co_return std::move(stream);
}

/// The certificate names the address.
TCPServer::Handler over(Over kind, TCPServer::Handler handler) {
  if (kind == Over::plain) return handler;
  SSLOptions options =
      server_options(kind == Over::tls1_2 ? TLSVersion::tls1_2 : TLSVersion::tls1_3);
  options.certificate_file = Certificates::of_process().issue(
      "loopback", CertificateOptions{.names = {"IP:127.0.0.1"}});
  return with_tls(SSLContext::for_server(options),
                  [shared = std::make_shared<TCPServer::Handler>(std::move(handler))](
                      SSLIOStream stream, SocketAddress peer) {
                    return (*shared)(std::move(stream), std::move(peer));
                  });
}
#else
constexpr Over each_kind[] = {Over::plain};

Task<IOStream> connect(Over, std::uint16_t port) {
  TCPClient client;
  IOStream plain = co_await client.connect("127.0.0.1", port, {.stream = half_open});
  co_return plain;
}

TCPServer::Handler over(Over, TCPServer::Handler handler) {
  return handler;
}
#endif

Task<void> ask(Conversation& talk, std::uint32_t index, std::uint16_t port, Over kind) {
  IOStream stream = co_await connect(kind, port);
  stream.write(std::to_string(index) + "\n");
  TaskGroup sending;
  sending.start(send_unless_reset(stream, talk.question));
  co_await receive(stream, talk.by_client);
  co_await sending.join();
}

Task<void> answer(std::vector<Conversation>& talks, IOStream stream) {
  const std::string index = co_await stream.read_until("\n");
  Conversation& talk = talks.at(std::stoul(index));
  TaskGroup sending;
  sending.start(send_unless_reset(stream, talk.answer));
  co_await receive(stream, talk.by_server);
  co_await sending.join();
}

Task<void> ask_within(Semaphore& room, Conversation& talk, std::uint32_t number,
                      std::uint16_t port, Over kind) {
  const SemaphorePermit permit = co_await room.acquire();
  co_await ask(talk, number, port, kind);
}

Task<void> hold_all(std::vector<Conversation>& talks, std::uint16_t port, Over kind) {
  Semaphore room(at_a_time);
  TaskGroup clients;
  for (std::uint32_t i = 0; i < talks.size(); ++i) {
    clients.start(ask_within(room, talks[i], i, port, kind));
  }
  co_await clients.join();
}

/// A side that resets breaks off what the other side sends, too.
void expect_exact(const Part& sent, const Seen& seen, bool other_resets) {
  const std::string_view all = std::string_view(sent.bytes).substr(0, sent.until);
  EXPECT_TRUE(all.starts_with(seen.bytes));
  EXPECT_FALSE(seen.ended && sent.resets) << "a reset was taken for an end";
  EXPECT_TRUE(!seen.ended || seen.bytes.size() == all.size());
  EXPECT_TRUE(seen.ended || sent.resets || other_resets);
}

class ProxyChain : public testing::TestWithParam<Over> {};
std::string name_of(const testing::TestParamInfo<Over>& test) {
  if (test.param == Over::plain) return "plain";
  return test.param == Over::tls1_2 ? "tls1_2" : "tls1_3";
}
INSTANTIATE_TEST_SUITE_P(, ProxyChain, testing::ValuesIn(each_kind), name_of);

TEST_P(ProxyChain, passes_every_byte_or_tells_of_the_reset) {
  const std::uint64_t seed = test_seed();
  Random random(seed);
  std::vector<Conversation> talks(scaled(GetParam() == Over::plain ? 1000 : 300));
  for (Conversation& talk : talks) {
    talk.question = random_part(random);
    talk.answer = random_part(random);
  }
  IOLoop loop;
  TCPServer server(over(GetParam(),
                        [&talks](IOStream stream, SocketAddress) {
                          return answer(talks, std::move(stream));
                        }),
                   half_open);
  server.listen(0, {.address = "127.0.0.1"});
  const auto to = [](std::uint16_t port) {
    return std::vector<std::string>{"127.0.0.1", std::to_string(port)};
  };
  Program third("proxy", invalid_fd, {}, to(server.addresses().front().port()));
  Program second("proxy", invalid_fd, {}, to(port_of(third)));
  Program first("proxy", invalid_fd, {}, to(port_of(second)));
  loop.run_sync(hold_all(talks, port_of(first), GetParam()), patience);
  loop.run_sync(server.drain(), patience);
  for (const Conversation& talk : talks) {
    expect_exact(talk.question, talk.by_server, talk.answer.resets);
    expect_exact(talk.answer, talk.by_client, talk.question.resets);
  }
  for (Program* proxy : {&first, &second, &third}) {
    proxy->send(SIGINT);
    const Ending ending = proxy->wait();
    EXPECT_EQ(ending.exit_status, 0);
    EXPECT_EQ(ending.errors, "");
  }
}

}  // namespace
}  // namespace tornado::test
