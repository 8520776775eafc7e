// SPDX-License-Identifier: Apache-2.0
#include "tornado/tcp_client.h"

#include <algorithm>
#include <iterator>
#include <memory>

#include "net/lookup.h"
#include "net/socket_calls.h"
#include "net/sockets.h"
#include "platform/system_error.h"
#include "tornado/locks.h"
#include "tornado/multi.h"
#include "tornado/task_group.h"

namespace tornado {
namespace {

using Addresses = Resolver::Addresses;

constexpr int tries_after_self_connect = 3;

/// The attempts to connect to one name, until one of them has won.
struct Race {
  const ConnectOptions& options;
  std::optional<IOStream> winner = {};
  std::vector<ConnectError::Attempt> failed = {};
  Condition changed = {};
};

std::string text_of(const std::string& host,
                    const std::vector<ConnectError::Attempt>& attempts) {
  std::string text = "connect to \"" + host + '"';
  for (const ConnectError::Attempt& attempt : attempts) {
    text += &attempt == &attempts.front() ? " (" : "; ";
    text += to_string(attempt.address) + ": " + attempt.error.message();
  }
  return text + (attempts.empty() ? " (the resolver found no address)" : ")");
}

std::error_code last_of(const std::vector<ConnectError::Attempt>& attempts) {
  if (!attempts.empty()) return attempts.back().error;
  return std::make_error_code(std::errc::address_not_available);
}

/// IPv6 and IPv4 in turn, in the order of each, from the first on.
Addresses alternate(const Addresses& addresses) {
  Addresses first;
  Addresses others;
  for (const SocketAddress& address : addresses) {
    const bool as_first = address.family() == addresses.front().family();
    (as_first ? first : others).push_back(address);
  }
  Addresses result;
  for (std::size_t i = 0; i < (std::max)(first.size(), others.size()); ++i) {
    if (i < first.size()) result.push_back(first[i]);
    if (i < others.size()) result.push_back(others[i]);
  }
  return result;
}

UniqueFd open_socket(const SocketAddress& to, const ConnectOptions& options) {
  UniqueFd socket = make_socket(native_family(to.family()), SOCK_STREAM);
  if (!options.source) return socket;
  if (const std::error_code error = bind_to(socket.get(), options.source)) {
    throw_error(error, "bind " + to_string(options.source));
  }
  return socket;
}

Task<IOStream> connect_once(const SocketAddress& to, const ConnectOptions& options) {
  IOStream stream(open_socket(to, options), options.stream);
  co_await stream.connect(to);
  co_return stream;
}

bool is_its_own_peer(NativeFd socket) {
  try {
    return local_address(socket) == remote_address(socket);
  } catch (const std::system_error&) {  // the peer has gone
    return false;
  }
}

// TCP connects a socket to its own port if the system happened to choose that, and
// nothing listens there.
Task<IOStream> connect_to_another(const SocketAddress& to,
                                  const ConnectOptions& options) {
  for (int i = 0; i < tries_after_self_connect; ++i) {
    IOStream stream = co_await connect_once(to, options);
    if (!is_its_own_peer(stream.fileno())) co_return stream;
    stream.abort();  // which leaves the port free at once
  }
  throw StreamClosedError(std::make_error_code(std::errc::connection_refused));
}

/// Also for an attempt that ends by another exception, or is cancelled.
struct NotifyAtEnd {
  explicit NotifyAtEnd(Condition& c) noexcept : changed(c) {}
  NotifyAtEnd(const NotifyAtEnd&) = delete;
  NotifyAtEnd& operator=(const NotifyAtEnd&) = delete;
  ~NotifyAtEnd() { changed.notify_all(); }
  Condition& changed;
};

Task<void> attempt(Race& race, const SocketAddress& to) {
  const NotifyAtEnd notify(race.changed);
  std::error_code error;
  try {
    IOStream stream = co_await connect_to_another(to, race.options);
    if (!race.winner) race.winner.emplace(std::move(stream));
  } catch (const StreamClosedError& failure) {
    error = failure.real_error();
  } catch (const std::system_error& failure) {
    error = failure.code();
  }
  if (error) race.failed.push_back({to, error});
}

Task<IOStream> race_to(std::string host, Addresses addresses,
                       const ConnectOptions& options) {
  Race race{options};
  TaskGroup attempts;
  for (const SocketAddress& address : addresses) {
    const std::size_t failures = race.failed.size();
    attempts.start(attempt(race, address));
    while (!race.winner && race.failed.size() == failures) {
      const bool told = co_await race.changed.wait(options.attempt_delay);
      if (!told) break;
    }
    if (race.winner) break;
  }
  while (!race.winner && attempts.size() > 0) (void)co_await race.changed.wait();
  if (!race.winner) co_await attempts.join();  // throws what was no failed attempt
  if (!race.winner) throw ConnectError(host, std::move(race.failed));
  co_return std::move(*race.winner);
}

Task<IOStream> look_up_and_connect(Resolver& resolver, std::string host,
                                   std::uint16_t port, const ConnectOptions& options) {
  const Addresses found = co_await resolver.resolve(host, port, options.family);
  co_return co_await race_to(host, alternate(found), options);
}

}  // namespace

ConnectError::ConnectError(const std::string& host, std::vector<Attempt> attempts)
    : std::system_error(last_of(attempts), text_of(host, attempts)),
      attempts_(std::move(attempts)) {}

Task<IOStream> TCPClient::connect(std::string host, std::uint16_t port,
                                  const ConnectOptions& options) {
  constexpr auto run = [](Resolver& resolver, std::string name, std::uint16_t number,
                          ConnectOptions how) -> Task<IOStream> {
    Task<IOStream> task = look_up_and_connect(resolver, std::move(name), number, how);
    if (!how.timeout) co_return co_await std::move(task);
    co_return co_await with_timeout(*how.timeout, std::move(task));
  };
  return run(resolver_, std::move(host), port, options);
}

}  // namespace tornado
