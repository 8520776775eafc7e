// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The memory of a stopped process.

#include <sys/types.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace tornado::cli {

using Bytes = std::vector<unsigned char>;

/// What a file of /proc says; empty if it cannot be read.
std::string read_file(const std::string& path);

/// Up to `size` bytes; fewer where memory ends, none where there is none.
Bytes read_memory(pid_t pid, std::uint64_t address, std::size_t size);

/// Reads a stretch at once, because neighbours are mostly wanted next.
class Memory {
 public:
  explicit Memory(pid_t pid) : pid_(pid) {}

  template <class T>
  std::optional<T> get(std::uint64_t address) {
    if (!has(address, sizeof(T))) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + (address - begin_), sizeof value);
    return value;
  }

 private:
  bool has(std::uint64_t address, std::size_t size);

  pid_t pid_;
  std::uint64_t begin_ = 0;
  Bytes bytes_ = {};
};

/// A file of a process that has code in its memory.
struct Module {
  std::string path;
  std::uint64_t inode;
  bool operator==(const Module&) const = default;
};

/// A stretch of memory with a file behind it, or the vdso.
struct Mapping {
  std::uint64_t begin;
  std::uint64_t end;
  std::uint64_t base;  ///< where the start of the file lies
  bool code;
  Module module;
};

std::vector<Mapping> read_mappings(pid_t pid);
/// Null if no code lies there.
const Mapping* code_at(const std::vector<Mapping>& mappings, std::uint64_t address);

}  // namespace tornado::cli
