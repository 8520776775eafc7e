// SPDX-License-Identifier: Apache-2.0
#include "platform/descriptor_maker.h"

#include <array>
#include <atomic>
#include <cstdint>

#include "platform/descriptors.h"

namespace tornado {
namespace {

struct Made {
  std::atomic<const char*> by{nullptr};
  std::atomic<std::uint64_t> file{0};
};
std::array<Made, 4096> makers;

Made* slot_of(NativeFd fd) noexcept {
  const auto index = static_cast<std::size_t>(fd);  // negative ones become huge
  return index < makers.size() ? &makers[index] : nullptr;
}

}  // namespace

void set_maker(NativeFd fd, const char* maker) noexcept {
  Made* const slot = slot_of(fd);
  if (!slot) return;
  if (maker) slot->file.store(file_id(fd), std::memory_order_relaxed);
  slot->by.store(maker, std::memory_order_relaxed);
}

const char* maker_of(NativeFd fd) noexcept {
  const Made* const slot = slot_of(fd);
  if (!slot) return nullptr;
  const char* const maker = slot->by.load(std::memory_order_relaxed);
  const bool same = maker && slot->file.load(std::memory_order_relaxed) == file_id(fd);
  return same ? maker : nullptr;
}

}  // namespace tornado
