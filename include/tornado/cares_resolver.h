// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Names to addresses by c-ares, without threads. Of the library tornado::dns.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tornado/address.h"
#include "tornado/ioloop.h"
#include "tornado/resolver.h"
#include "tornado/task.h"
#include "tornado/time.h"

namespace tornado {

struct CaresOptions {
  /// The name servers. Empty: those of resolv.conf.
  std::vector<SocketAddress> servers = {};
  /// The questions about IPv4 and IPv6 are asked at the same time. When one of them has
  /// addresses, the other one may take this much longer (RFC 8305).
  Delay resolution_delay = std::chrono::milliseconds(50);
  /// More names that are asked for at a time are refused with
  /// std::errc::resource_unavailable_try_again.
  std::size_t most_waiting = 1024;
};

/// Asks name servers itself, on the loop. An address that is written as one, and a name
/// of the file hosts, is answered at once.
///
/// A cancelled task does not wait for an answer that does not come. Questions that are
/// alike share one answer. When no task waits any more, all sockets are closed.
/// resolv.conf and hosts are read again once they have changed. IPv6 comes first where
/// this machine has a route to the address; within a family RFC 6724 orders.
///
/// It knows of files and name servers only, while getaddrinfo also asks other sources
/// of nsswitch.conf, such as mDNS. The codes of errors are those of getaddrinfo:
/// EAI_NONAME, and EAI_AGAIN for servers that fail, refuse or do not answer.
///
/// For the thread of its loop; otherwise Errc::wrong_thread. It may be destroyed while
/// tasks wait: these get their answers. A question that waits at a fork ends in the
/// child with EAI_AGAIN.
class TORNADO_API CaresResolver final : public Resolver {
 public:
  /// For the current loop, or for `loop`.
  explicit CaresResolver(CaresOptions options = {});
  explicit CaresResolver(IOLoop& loop, CaresOptions options = {});
  ~CaresResolver() override;

  [[nodiscard]] Task<Addresses> resolve(
      std::string host, std::uint16_t port,
      AddressFamily family = AddressFamily::any) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tornado
