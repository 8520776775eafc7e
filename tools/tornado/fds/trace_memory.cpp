// SPDX-License-Identifier: Apache-2.0
#include "fds/trace_memory.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "tornado/fd.h"

namespace tornado::cli {
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

}  // namespace tornado::cli
