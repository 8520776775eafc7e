// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string_view>

#include "cli.h"
#include "command.h"
#include "demo/inherited.h"
#include "fds/caller.h"

namespace {

// So that nothing which is opened later becomes a standard stream. Each gets the wrong
// direction, as in GNU's programs: what would be written is then an error, not lost.
void fill_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // open() takes the lowest free number, which is this one.
    (void)::open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
  }
}

}  // namespace

int main(int argc, char** argv) {
  namespace cli = tornado::cli;
  // Before anything else can open a descriptor.
  if (argc == 2 && std::string_view(argv[1]) == cli::inherited_word) {
    return cli::list_inherited();
  }
  fill_standard_streams();
  std::setlocale(LC_CTYPE, "");
  cli::caller_sigpipe = std::signal(SIGPIPE, SIG_IGN);
  try {
    return cli::run(argc, argv);
  } catch (const cli::ReaderGone&) {
    return 128 + SIGPIPE;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tornado: %s\n", error.what());
    return cli::exit_usage;
  }
}
