// SPDX-License-Identifier: Apache-2.0
#include "process/proc_linux.h"

#include <fcntl.h>
#include <unistd.h>

#include "platform/system_error.h"
#include "tornado/fd.h"

namespace tornado {

std::string read_text(const std::string& path) {
  const UniqueFd fd = open_file(path.c_str(), O_RDONLY);
  std::string text;
  for (;;) {
    char more[4096];
    const auto size = retry_eintr([&] { return ::read(fd.get(), more, sizeof more); });
    if (size == -1) throw_errno("read " + path);
    if (size == 0) return text;
    text.append(more, static_cast<std::size_t>(size));
  }
}

std::string read_link(const std::string& path) {
  for (std::string target(4096, '\0');; target.resize(2 * target.size())) {
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
    if (length == -1) throw_errno("readlink " + path);
    const auto size = static_cast<std::size_t>(length);
    if (size < target.size()) return target.substr(0, size);
  }
}

}  // namespace tornado
