// SPDX-License-Identifier: Apache-2.0
#include "fds/trace_memory.h"

#include <sys/uio.h>

namespace tornado::cli {

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
