// SPDX-License-Identifier: Apache-2.0
#include "demo/inherited.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace tornado::cli {
namespace {

void print_descriptor(int fd) {
  std::array<char, 32> link = {};
  std::array<char, 256> target = {};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd);
  if (::readlink(link.data(), target.data(), target.size() - 1) < 0) target[0] = '?';
  std::printf("%d %s\n", fd, target.data());
}

}  // namespace

int list_inherited() {
  const auto close = [](DIR* d) { ::closedir(d); };
  const std::unique_ptr<DIR, decltype(close)> list(::opendir("/dev/fd"), close);
  if (!list) {
    std::perror("tornado inherited: open /dev/fd");
    return EXIT_FAILURE;
  }
  while (const dirent* entry = ::readdir(list.get())) {
    const int fd = std::atoi(entry->d_name);
    if (fd > STDERR_FILENO && fd != ::dirfd(list.get())) print_descriptor(fd);
  }
  std::printf("%.*s\n", static_cast<int>(inherited_end.size()), inherited_end.data());
  return std::fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace tornado::cli
