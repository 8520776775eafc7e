// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Servers whose connections are tasks.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "tornado/address.h"
#include "tornado/callback.h"
#include "tornado/iostream.h"
#include "tornado/netutil.h"
#include "tornado/task_group.h"

namespace tornado {

struct ServerLimits {
  /// While so many are open, further clients wait in the kernel's queue.
  std::size_t connections = (std::numeric_limits<std::size_t>::max)();
};

/// Accepts connections, and runs one task for each:
///
///   TCPServer server([](IOStream stream, SocketAddress) -> Task<> {
///     for (;;) co_await stream.write(co_await stream.read_until("\n"));
///   });
///   server.listen(8888);
///
/// A StreamClosedError that leaves the task is the usual end of a connection, and is
/// not reported. Another exception goes to IOLoop::handle_callback_exception. The
/// stream is closed with the task.
///
/// The server belongs to the thread of the loop that is current when it first listens,
/// and owns its connections: destroying it ends them. It may outlive the loop.
class TORNADO_API TCPServer {
 public:
  using Handler = UniqueFunction<Task<void>(IOStream stream, SocketAddress peer)>;

  explicit TCPServer(Handler handler, const StreamOptions& options = {},
                     const ServerLimits& limits = {});
  TCPServer(const TCPServer&) = delete;
  TCPServer& operator=(const TCPServer&) = delete;
  ~TCPServer();

  /// Binds sockets as bind_sockets() does, and accepts on them. May be called several
  /// times.
  void listen(std::uint16_t port, const BindOptions& options = {});
  /// Accepts on sockets that listen already, and owns them.
  void add_sockets(std::vector<UniqueFd> listeners);
  void add_socket(UniqueFd listener);

  /// Binds sockets for start().
  void bind(std::uint16_t port, const BindOptions& options = {});
#if defined(TORNADO_HAS_FORK)
  /// Accepts on the sockets of bind(), in `processes` forked workers; 0 or less means
  /// one for each processor. No loop may exist yet unless `processes` is 1. As
  /// fork_processes(), it returns in the workers only, until these have ended. True in
  /// a worker, and for 1.
  bool start(int processes = 1, int max_restarts = 100);
#endif

  /// Stops accepting and closes the listening sockets. Connections go on. Idempotent,
  /// also within a connection's task; listen() and the like begin again.
  void stop() noexcept;
  /// Accepts the clients that wait already, within ServerLimits, and stops. Then waits
  /// until the last connection has ended and what it wrote is sent. stop() alone makes
  /// the kernel reset those that wait.
  [[nodiscard]] Task<void> drain();
  /// Cancels the tasks of all connections. New ones begin only after drain().
  void cancel_connections() noexcept;

  [[nodiscard]] std::size_t connections() const noexcept;
  /// The addresses of the listening sockets.
  [[nodiscard]] std::vector<SocketAddress> addresses() const;

 private:
  class Connection;
  struct Shared;
  void serve(UniqueFd connection, SocketAddress peer);
  void accept_within_limits() noexcept;
  static Task<void> run(Connection connection, IOStream stream, SocketAddress peer);

  // With the connections: one of them may destroy the server.
  const std::shared_ptr<Shared> shared_;
  const StreamOptions options_;
  const ServerLimits limits_;
  std::vector<UniqueFd> bound_;
  std::vector<Acceptor> listeners_;
  std::optional<TaskGroup> connections_;  // from the first listener on
};

}  // namespace tornado
