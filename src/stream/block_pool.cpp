// SPDX-License-Identifier: Apache-2.0
#include "stream/block_pool.h"

#include <array>
#include <new>

namespace tornado {
namespace {

/// Needs no construction, so that a stream may be destroyed at any time of the program.
struct Blocks {
  std::array<std::byte*, 8> kept;
  std::size_t count;
  bool end_with_thread;
  bool closed;
};
constinit thread_local Blocks blocks{};

struct FreeBlocksAtThreadEnd {
  FreeBlocksAtThreadEnd() noexcept = default;
  FreeBlocksAtThreadEnd(const FreeBlocksAtThreadEnd&) = delete;
  FreeBlocksAtThreadEnd& operator=(const FreeBlocksAtThreadEnd&) = delete;
  ~FreeBlocksAtThreadEnd() {
    blocks.closed = true;
    while (blocks.count > 0) ::operator delete(blocks.kept[--blocks.count]);
  }
  void touch() noexcept {}
};
thread_local FreeBlocksAtThreadEnd free_blocks_at_thread_end;

}  // namespace

std::byte* allocate_block() {
  if (blocks.count > 0) return blocks.kept[--blocks.count];
  return static_cast<std::byte*>(::operator new(block_size));
}

void free_block(std::byte* block) noexcept {
  if (!block) return;
  if (blocks.closed || blocks.count == blocks.kept.size()) {
    ::operator delete(block);
    return;
  }
  if (!blocks.end_with_thread) {
    free_blocks_at_thread_end.touch();
    blocks.end_with_thread = true;
  }
  blocks.kept[blocks.count++] = block;
}

}  // namespace tornado
