// SPDX-License-Identifier: Apache-2.0
#include "platform/fd.h"

#include <array>
#include <atomic>
#include <cstdint>

namespace tornado {
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
