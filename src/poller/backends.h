// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "poller/poller.h"

namespace tornado {

struct PollerBackend {
  PollerKind kind;
  std::string_view name;
  std::unique_ptr<Poller> (*make)();
};

/// What was compiled in, best first.
std::span<const PollerBackend* const> poller_backends() noexcept;

/// Throws std::system_error when the kind does not work here, or, for `best`, none
/// does.
std::unique_ptr<Poller> make_poller(PollerKind kind);

extern const PollerBackend epoll_backend;
extern const PollerBackend poll_backend;
extern const PollerBackend select_backend;

}  // namespace tornado
