// SPDX-License-Identifier: Apache-2.0
#include "platform/descriptor_maker.h"

#include <array>
#include <atomic>

namespace tornado {
namespace {

std::array<std::atomic<const char*>, 4096> makers;

std::atomic<const char*>* slot_of(NativeFd fd) noexcept {
  const auto index = static_cast<std::size_t>(fd);  // negative ones become huge
  return index < makers.size() ? &makers[index] : nullptr;
}

}  // namespace

void set_maker(NativeFd fd, const char* maker) noexcept {
  if (auto* slot = slot_of(fd)) slot->store(maker, std::memory_order_relaxed);
}

const char* maker_of(NativeFd fd) noexcept {
  const auto* slot = slot_of(fd);
  return slot ? slot->load(std::memory_order_relaxed) : nullptr;
}

}  // namespace tornado
