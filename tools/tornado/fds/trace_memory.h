// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What a stopped process has in its memory.

#include <sys/types.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace tornado::cli {

using Bytes = std::vector<unsigned char>;

/// Up to `size` bytes; fewer where memory ends, none where there is none.
Bytes read_memory(pid_t pid, std::uint64_t address, std::size_t size);

template <class T>
std::optional<T> read_value(pid_t pid, std::uint64_t address) {
  const Bytes bytes = read_memory(pid, address, sizeof(T));
  if (bytes.size() != sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace tornado::cli
