// SPDX-License-Identifier: Apache-2.0
// descriptor_reporter TO [FD TEXT]
// Writes TEXT to FD if it is asked to, then tells on TO what came of that (an errno, on
// a line of its own), and which descriptors it has, one a line.
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "support/descriptors.h"

int main(int argc, char** argv) {
  if (argc != 2 && argc != 4) return 64;
  const int to = std::atoi(argv[1]);
  int write_errno = 0;
  if (argc == 4) {
    const ssize_t n = ::write(std::atoi(argv[2]), argv[3], std::strlen(argv[3]));
    write_errno = n == -1 ? errno : 0;
  }
  std::string text = std::to_string(write_errno) + "\n";
  for (const auto& descriptor : tornado::test::open_descriptors()) {
    if (descriptor.fd != to) text += tornado::test::to_line(descriptor) + "\n";
  }
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(to, text.data() + done, text.size() - done);
    if (n <= 0) return 65;
    done += static_cast<std::size_t>(n);
  }
  return 0;
}
