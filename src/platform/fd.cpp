// SPDX-License-Identifier: Apache-2.0
#include "platform/fd.h"

#include <array>
#include <atomic>
#include <cstdint>

#include "platform/socket_hooks.h"

namespace tornado {

constinit std::atomic<SocketHooks*> socket_hooks{nullptr};

namespace {

struct Made {
  std::atomic<const char*> by{nullptr};
  std::atomic<std::uint64_t> file{0};
};
std::array<Made, 4096> tags;

Made* slot_of(NativeFd fd) noexcept {
  const auto index = static_cast<std::size_t>(fd);  // negative ones become huge
  return index < tags.size() ? &tags[index] : nullptr;
}

}  // namespace

UniqueFd make_socket(int domain, int type, int protocol) {
  if (SocketHooks* const hooks = socket_hooks.load(std::memory_order_acquire)) {
    if (UniqueFd made = hooks->open(domain, type)) return made;
  }
  return make_system_socket(domain, type, protocol);
}

UniqueFd accept_named(NativeFd listener, void* peer, std::size_t& size) {
  SocketHooks* const hooks = hooks_of(listener);
  return hooks ? hooks->accept(listener, peer, size)
               : accept_in_system(listener, peer, size);
}

UniqueFd accept_socket(NativeFd listener) {
  std::size_t none = 0;
  return accept_named(listener, nullptr, none);
}

void tag_descriptor(NativeFd fd, const char* owner) noexcept {
  Made* const slot = slot_of(fd);
  if (!slot) return;
  if (owner) slot->file.store(file_id(fd), std::memory_order_relaxed);
  slot->by.store(owner, std::memory_order_relaxed);
}

const char* owner_tag_of(NativeFd fd) noexcept {
  const Made* const slot = slot_of(fd);
  if (!slot) return nullptr;
  const char* const owner = slot->by.load(std::memory_order_relaxed);
  const bool same = owner && slot->file.load(std::memory_order_relaxed) == file_id(fd);
  return same ? owner : nullptr;
}

}  // namespace tornado
