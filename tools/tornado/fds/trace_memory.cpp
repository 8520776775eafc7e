// SPDX-License-Identifier: Apache-2.0
#include "fds/trace_memory.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <system_error>

#include "tornado/fd.h"

namespace tornado::cli {
namespace {

constexpr std::size_t stretch = 4096;

// "begin-end perms offset device inode    path"
struct Line {
  Mapping mapping = {};
  std::uint64_t offset = 0;
};

std::optional<Line> parse(const std::string& line) {
  Line parsed;
  auto& [m, offset] = parsed;
  char access[5] = {};
  int path = 0;
  const int fields = std::sscanf(
      line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*x:%*x %" SCNu64 " %n",
      &m.begin, &m.end, access, &offset, &m.module.inode, &path);
  if (fields != 5) return std::nullopt;
  m.module.path = line.substr(static_cast<std::size_t>(path));
  m.code = access[2] == 'x';
  return parsed;
}

}  // namespace

std::string read_file(const std::string& path) {
  std::string text;
  try {
    const UniqueFd file = open_file(path.c_str(), O_RDONLY);
    std::array<char, 4096> bytes;
    ssize_t n;
    while ((n = ::read(file.get(), bytes.data(), bytes.size())) > 0) {
      text.append(bytes.data(), static_cast<std::size_t>(n));
    }
  } catch (const std::system_error&) {
    // Gone, or not ours to look at.
  }
  return text;
}

Bytes read_memory(pid_t pid, std::uint64_t address, std::size_t size) {
  Bytes bytes(size);
  const iovec here = {bytes.data(), size};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): it is an address of another process.
  const iovec there = {reinterpret_cast<void*>(address), size};
  const ssize_t n = ::process_vm_readv(pid, &here, 1, &there, 1, 0);
  bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return bytes;
}

bool Memory::has(std::uint64_t address, std::size_t size) {
  const auto inside = [&] {
    return address >= begin_ && address - begin_ + size <= bytes_.size();
  };
  if (inside()) return true;
  begin_ = address;
  bytes_ = read_memory(pid_, address, stretch);
  // A read that runs into a hole gives what lies before it only if it may end there.
  if (bytes_.empty()) bytes_ = read_memory(pid_, address, size);
  return inside();
}

std::vector<Mapping> read_mappings(pid_t pid) {
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/maps");
  std::vector<Mapping> mappings;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    auto line = parse(text.substr(at, end - at));
    at = end + 1;
    if (!line) continue;
    auto& [mapping, offset] = *line;
    const auto& module = mapping.module;
    if (module.inode == 0 && module.path != "[vdso]") continue;
    const bool goes_on =
        offset != 0 && !mappings.empty() && mappings.back().module == module;
    mapping.base = goes_on ? mappings.back().base : mapping.begin - offset;
    mappings.push_back(std::move(mapping));
  }
  return mappings;
}

const Mapping* code_at(const std::vector<Mapping>& mappings, std::uint64_t address) {
  const auto after =
      std::upper_bound(mappings.begin(), mappings.end(), address,
                       [](std::uint64_t a, const Mapping& m) { return a < m.begin; });
  if (after == mappings.begin()) return nullptr;
  const auto& m = *(after - 1);
  return address < m.end && m.code ? &m : nullptr;
}

}  // namespace tornado::cli
