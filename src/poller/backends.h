// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "poller/poller.h"

namespace tornado {

struct PollerBackend {
  PollerKind kind;
  std::string_view name;
  std::unique_ptr<Poller> (*make)();  ///< nullptr: not in this build
  /// Never the best; and where it does not work, the best stands in for it.
  bool by_name_only = false;
};

/// Throws std::system_error when the kind does not work here, or, for `best`, none
/// does. For one by name only that this build or this kernel does not have, or a filter
/// forbids, gives the best other one, which is logged once.
std::unique_ptr<Poller> make_poller(PollerKind kind);

extern const PollerBackend epoll_backend;
extern const PollerBackend kqueue_backend;
extern const PollerBackend iocp_backend;
extern const PollerBackend poll_backend;
extern const PollerBackend select_backend;
extern const PollerBackend io_uring_backend;

}  // namespace tornado
