// SPDX-License-Identifier: Apache-2.0
#include "fds/descriptor_words.h"

#include <fcntl.h>

#include <array>
#include <utility>

namespace tornado::cli {

std::string status_words(int status_flags) {
#if defined(O_PATH)
  if ((status_flags & O_PATH) != 0) return "path";
#endif
  const int access = status_flags & O_ACCMODE;
  std::string text = access == O_RDONLY ? "r" : access == O_WRONLY ? "w" : "rw";
  constexpr std::array<std::pair<int, const char*>, 3> words = {
      {{O_APPEND, ",append"}, {O_NONBLOCK, ",nonblock"}, {O_SYNC, ",sync"}}};
  for (const auto& [flag, word] : words) {
    if ((status_flags & flag) == flag) text += word;
  }
  return text;
}

}  // namespace tornado::cli
