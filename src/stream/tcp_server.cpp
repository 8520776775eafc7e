// SPDX-License-Identifier: Apache-2.0
#include "tornado/tcp_server.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "platform/log.h"
#include "platform/system_error.h"
#include "stream/stream_core.h"
#if defined(TORNADO_HAS_FORK)
#include "tornado/fork_processes.h"
#endif

namespace tornado {

struct TCPServer::Shared {
  Handler handler;
  TCPServer* server;  // null once it is destroyed
  std::size_t open = 0;
};

/// Counts a connection, from when it was accepted to the end of its task.
class TCPServer::Connection {
 public:
  explicit Connection(std::shared_ptr<Shared> shared) noexcept
      : shared_(std::move(shared)) {
    ++shared_->open;
  }
  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&&) = delete;
  ~Connection() {
    if (!shared_) return;
    --shared_->open;
    if (shared_->server) shared_->server->accept_within_limits();
  }
  [[nodiscard]] Handler& handler() const noexcept { return shared_->handler; }

 private:
  std::shared_ptr<Shared> shared_;
};

TCPServer::TCPServer(Handler handler, const StreamOptions& options,
                     const ServerLimits& limits)
    : shared_(std::make_shared<Shared>(Shared{std::move(handler), this})),
      options_(options),
      limits_(limits) {
  if (limits.connections == 0) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "TCPServer: a limit of 0 connections");
  }
}

TCPServer::~TCPServer() {
  shared_->server = nullptr;
  stop();
}

void TCPServer::listen(std::uint16_t port, const BindOptions& options) {
  add_sockets(bind_sockets(port, options));
}

void TCPServer::add_sockets(std::vector<UniqueFd> listeners) {
  for (UniqueFd& listener : listeners) add_socket(std::move(listener));
}

void TCPServer::add_socket(UniqueFd listener) {
  IOLoop& loop = *IOLoop::current();
  if (!connections_) connections_.emplace(loop, OnFailure::report);
  listeners_.emplace_back(loop, std::move(listener),
                          [this](UniqueFd connection, SocketAddress peer) {
                            serve(std::move(connection), std::move(peer));
                          });
}

void TCPServer::serve(UniqueFd connection, SocketAddress peer) {
  connections_->start(&TCPServer::run, Connection(shared_),
                      IOStream(std::move(connection), options_), std::move(peer));
  accept_within_limits();
}

void TCPServer::accept_within_limits() noexcept {
  try {
    const bool is_full = shared_->open >= limits_.connections;
    for (Acceptor& listener : listeners_) {
      is_full ? listener.pause() : listener.resume();
    }
  } catch (const std::system_error& error) {
    log(LogLevel::error, error.what());
  }
}

// A connection counts as open until what its handler wrote is sent.
static Task<void> until_sent(detail::StreamPtr rest) {
  try {
    co_await detail::SentWait(rest, detail::StreamAct::drain, rest->written(),
                              std::nullopt);
  } catch (const StreamClosedError&) {
  }
}

Task<void> TCPServer::run(Connection connection, IOStream stream, SocketAddress peer) {
  const detail::StreamPtr core = stream.core_;
  std::exception_ptr failure;
  try {
    co_await connection.handler()(std::move(stream), std::move(peer));
  } catch (const StreamClosedError&) {
  } catch (...) {
    failure = std::current_exception();
  }
  if (auto rest = core->rest()) co_await until_sent(std::move(rest));
  if (failure) std::rethrow_exception(failure);
}

void TCPServer::bind(std::uint16_t port, const BindOptions& options) {
  std::vector<UniqueFd> sockets = bind_sockets(port, options);
  std::ranges::move(sockets, std::back_inserter(bound_));
}

#if defined(TORNADO_HAS_FORK)
bool TCPServer::start(int processes, int max_restarts) {
  if (processes != 1) {
    if (!fork_processes(processes, {.max_restarts = max_restarts}).task_id) {
      bound_.clear();
      return false;
    }
  }
  add_sockets(std::exchange(bound_, {}));
  return true;
}
#endif

void TCPServer::stop() noexcept {
  bound_.clear();
  listeners_.clear();
}

Task<void> TCPServer::drain() {
  for (std::size_t i = 0; i < listeners_.size(); ++i) listeners_[i].accept_waiting();
  stop();
  if (connections_) co_await connections_->join();
}

void TCPServer::cancel_connections() noexcept {
  if (connections_) connections_->cancel();
}

std::size_t TCPServer::connections() const noexcept {
  return connections_ ? connections_->size() : 0;
}

std::vector<SocketAddress> TCPServer::addresses() const {
  std::vector<SocketAddress> names;
  for (const Acceptor& listener : listeners_) {
    names.push_back(local_address(listener.listener()));
  }
  return names;
}

}  // namespace tornado
