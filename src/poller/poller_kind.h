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
  /// Never selected as the best. If it does not work, the best replaces it.
  bool opt_in = false;
};

/// Throws std::system_error if the kind does not work here, or, for `best`, if none
/// does. If an opt-in kind is missing from this build or kernel, or a filter forbids
/// it, returns the best other one and logs this once.
std::unique_ptr<Poller> make_poller(PollerKind kind);

extern const PollerBackend epoll_backend;
extern const PollerBackend kqueue_backend;
extern const PollerBackend iocp_backend;
extern const PollerBackend poll_backend;
extern const PollerBackend select_backend;
extern const PollerBackend io_uring_backend;

}  // namespace tornado
