// SPDX-License-Identifier: Apache-2.0
#include "system/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "tornado/fd.h"

namespace tornado::cli {
namespace {

[[noreturn]] void fail(const char* act) {
  throw std::system_error(errno, std::system_category(), act);
}

}  // namespace

std::string read_file(const std::string& path, std::size_t most) {
  // Not open_file: what that opens does not wait, so that a pipe whose writer is slow
  // would be read as an error, or as empty.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) fail("open");
  std::string text;
  std::array<char, 4096> bytes;
  while (text.size() < most) {
    const ssize_t n = ::read(file.get(), bytes.data(), bytes.size());
    if (n == 0) break;
    if (n > 0) {
      text.append(bytes.data(), static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      fail("read");
    }
  }
  return text;
}

}  // namespace tornado::cli
