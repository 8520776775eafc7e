// SPDX-License-Identifier: Apache-2.0
// Servers with Asio, by callbacks and by coroutines.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "peers.h"
#include "stream_servers.h"

#if BENCH_TLS && BENCH_ASIO
#include <asio/ssl.hpp>

#include "tls_socket.h"
#endif

namespace tornado::bench {
#if BENCH_ASIO
namespace {

using asio::ip::tcp;

constexpr std::size_t least_buffer = 1024;

/// How sockets become streams.
struct PlainAsio {
  using Stream = tcp::socket;
  static constexpr bool has_handshake = false;
  static Stream open(tcp::socket socket) { return socket; }
};

#if BENCH_TLS
struct TLSAsio {
  using Stream = asio::ssl::stream<tcp::socket>;
  static constexpr bool has_handshake = true;
  static constexpr auto server = asio::ssl::stream_base::server;
  static Stream open(tcp::socket socket) {
    static asio::ssl::context context = [] {
      asio::ssl::context made(asio::ssl::context::tls_server);
      made.use_certificate_chain_file(certificate_file());
      made.use_private_key_file(certificate_file(), asio::ssl::context::pem);
      return made;
    }();
    return {std::move(socket), context};
  }
};
#endif

template <class Kind>
struct AsioConnection : std::enable_shared_from_this<AsioConnection<Kind>> {
  AsioConnection(tcp::socket from, std::size_t size)
      : socket(Kind::open(std::move(from))),
        buffer(std::max(size, least_buffer), '\0') {}

  /// Calls `then` after a handshake.
  void begin(void (AsioConnection::*then)()) {
    if constexpr (Kind::has_handshake) {
      socket.async_handshake(Kind::server, [self = this->shared_from_this(),
                                            then](const asio::error_code& error) {
        if (!error) (self.get()->*then)();
      });
    } else {
      (this->*then)();
    }
  }
  void end() {
    if constexpr (Kind::has_handshake) {
      socket.async_shutdown([self = this->shared_from_this()](asio::error_code) {});
    }
  }
  void echo() {
    socket.async_read_some(asio::buffer(buffer),
                           [self = this->shared_from_this()](
                               const asio::error_code& error, std::size_t n) {
                             if (!error) self->answer(n);
                           });
  }
  void answer(std::size_t n) {
    asio::async_write(
        socket, asio::buffer(buffer, n),
        [self = this->shared_from_this()](const asio::error_code& error, std::size_t) {
          if (error) return;
          if (self->once) return self->end();
          self->echo();
        });
  }
  void lines() {
    asio::async_read_until(socket, asio::dynamic_buffer(line), '\n',
                           [self = this->shared_from_this()](
                               const asio::error_code& error, std::size_t n) {
                             if (!error) self->answer_line(n);
                           });
  }
  void answer_line(std::size_t n) {
    asio::async_write(socket, asio::buffer(line, n),
                      [self = this->shared_from_this()](const asio::error_code& error,
                                                        std::size_t size) {
                        if (error) return;
                        self->line.erase(0, size);
                        self->lines();
                      });
  }

  typename Kind::Stream socket;
  std::string buffer;
  std::string line;
  bool once = false;
};

template <class Kind>
void asio_echo(std::vector<UniqueFd>& fds, std::size_t message) {
  using Connection = AsioConnection<Kind>;
  asio::io_context context(1);
  for (UniqueFd& fd : fds) {
    tcp::socket socket(context, tcp::v4(), fd.release());
    std::make_shared<Connection>(std::move(socket), message)->begin(&Connection::echo);
  }
  context.run();
}

template <class Kind>
void asio_lines(UniqueFd fd) {
  asio::io_context context(1);
  tcp::socket socket(context, tcp::v4(), fd.release());
  using Connection = AsioConnection<Kind>;
  std::make_shared<Connection>(std::move(socket), 0)->begin(&Connection::lines);
  context.run();
}

template <class Kind>
void accept_next(tcp::acceptor& acceptor, std::size_t left) {
  acceptor.async_accept(
      [&acceptor, left](const asio::error_code& error, tcp::socket from) {
        check(!error, "async_accept");
        using Connection = AsioConnection<Kind>;
        const auto connection = std::make_shared<Connection>(std::move(from), 0);
        connection->once = true;
        connection->begin(&Connection::echo);
        if (left > 1) accept_next<Kind>(acceptor, left - 1);
      });
}

template <class Kind>
void asio_accept(UniqueFd listener, std::size_t n) {
  asio::io_context context(1);
  tcp::acceptor acceptor(context, tcp::v4(), listener.release());
  accept_next<Kind>(acceptor, n);
  context.run();
}

template <class T = void>
using AsioTask = asio::awaitable<T>;

template <class Kind>
AsioTask<> begin(typename Kind::Stream& socket) {
  if constexpr (Kind::has_handshake) {
    co_await socket.async_handshake(Kind::server, asio::use_awaitable);
  }
  co_return;
}

template <class Kind>
AsioTask<> asio_echo_task(typename Kind::Stream socket, std::size_t message) {
  std::string buffer(std::max(message, least_buffer), '\0');
  try {
    co_await begin<Kind>(socket);
    for (;;) {
      const std::size_t n =
          co_await socket.async_read_some(asio::buffer(buffer), asio::use_awaitable);
      co_await asio::async_write(socket, asio::buffer(buffer, n), asio::use_awaitable);
    }
  } catch (const asio::system_error&) {
  }
}

template <class Kind>
AsioTask<> asio_line_task(typename Kind::Stream socket) {
  std::string line;
  try {
    co_await begin<Kind>(socket);
    for (;;) {
      const std::size_t n = co_await asio::async_read_until(
          socket, asio::dynamic_buffer(line), '\n', asio::use_awaitable);
      co_await asio::async_write(socket, asio::buffer(line, n), asio::use_awaitable);
      line.erase(0, n);
    }
  } catch (const asio::system_error&) {
  }
}

template <class Kind>
AsioTask<> asio_once_task(typename Kind::Stream socket) {
  std::array<char, 1> byte;
  co_await begin<Kind>(socket);
  (void)co_await socket.async_read_some(asio::buffer(byte), asio::use_awaitable);
  co_await asio::async_write(socket, asio::buffer(byte), asio::use_awaitable);
  if constexpr (Kind::has_handshake) {
    co_await socket.async_shutdown(asio::use_awaitable);
  }
}

template <class Kind>
AsioTask<> asio_accept_task(tcp::acceptor& acceptor, std::size_t n) {
  for (; n > 0; --n) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(acceptor.get_executor(),
                   asio_once_task<Kind>(Kind::open(std::move(socket))), asio::detached);
  }
}

template <class Kind>
void asio_task_echo(std::vector<UniqueFd>& fds, std::size_t message) {
  asio::io_context context(1);
  for (UniqueFd& fd : fds) {
    tcp::socket socket(context, tcp::v4(), fd.release());
    asio::co_spawn(context,
                   asio_echo_task<Kind>(Kind::open(std::move(socket)), message),
                   asio::detached);
  }
  context.run();
}

template <class Kind>
void asio_task_lines(UniqueFd fd) {
  asio::io_context context(1);
  tcp::socket socket(context, tcp::v4(), fd.release());
  asio::co_spawn(context, asio_line_task<Kind>(Kind::open(std::move(socket))),
                 asio::detached);
  context.run();
}

template <class Kind>
void asio_task_accept(UniqueFd listener, std::size_t n) {
  asio::io_context context(1);
  tcp::acceptor acceptor(context, tcp::v4(), listener.release());
  asio::co_spawn(context, asio_accept_task<Kind>(acceptor, n), asio::detached);
  context.run();
}

template <class Kind>
std::vector<StreamServer> servers() {
  return {{"asio, callbacks", Role::peer, &asio_echo<Kind>, &asio_lines<Kind>,
           &asio_accept<Kind>, 0.02},
          {"asio, coroutines", Role::peer, &asio_task_echo<Kind>,
           &asio_task_lines<Kind>, &asio_task_accept<Kind>, 0.02}};
}

}  // namespace

std::vector<StreamServer> asio_stream_servers() {
  return servers<PlainAsio>();
}
#if BENCH_TLS
std::vector<StreamServer> asio_tls_servers() {
  return servers<TLSAsio>();
}
#endif

#else
std::vector<StreamServer> asio_stream_servers() {
  return {};
}
std::vector<StreamServer> asio_tls_servers() {
  return {};
}
#endif

}  // namespace tornado::bench
