// SPDX-License-Identifier: Apache-2.0
// For systems without fork().
#include "platform/fork_epoch.h"

namespace tornado {
namespace {

constexpr std::uint64_t only_one = 1;
constinit const std::atomic<std::uint64_t> mark{only_one};

}  // namespace

constinit std::atomic<const std::atomic<std::uint64_t>*> fork_mark{&mark};

std::uint64_t find_fork_epoch() noexcept {
  return only_one;
}

}  // namespace tornado
