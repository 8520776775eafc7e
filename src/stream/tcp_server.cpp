// SPDX-License-Identifier: Apache-2.0
#include "tornado/tcp_server.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "platform/system_error.h"
#if defined(TORNADO_HAS_FORK)
#include "tornado/fork_processes.h"
#endif

namespace tornado {

TCPServer::TCPServer(Handler handler, const StreamOptions& options)
    : handler_(std::make_shared<Handler>(std::move(handler))), options_(options) {}

TCPServer::~TCPServer() {
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
  connections_->start(&TCPServer::run, handler_,
                      IOStream(std::move(connection), options_), std::move(peer));
}

Task<void> TCPServer::run(std::shared_ptr<Handler> handler, IOStream stream,
                          SocketAddress peer) {
  try {
    co_await (*handler)(std::move(stream), std::move(peer));
  } catch (const StreamClosedError&) {
  }
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
