// SPDX-License-Identifier: Apache-2.0
// A loop that crosses a fork. The child's copy refuses to work, so that it cannot spoil
// the parent's, until after_fork() makes it the child's own.

#include <sys/wait.h>
#include <tornado/tornado.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <system_error>

namespace {

int in_the_child(tornado::IOLoop& loop) {
  try {
    loop.start();
    return 1;
  } catch (const std::system_error& error) {
    if (error.code() != tornado::Errc::loop_forked) return 2;
    std::cout << "child: refused" << std::endl;
  }
  loop.after_fork();
  loop.start();  // with the callback that was added before the fork
  return 0;
}

}  // namespace

int main() try {
  tornado::IOLoop loop;
  loop.add_callback([&loop, parent = getpid()] {
    std::cout << (getpid() == parent ? "parent" : "child") << ": on my own loop"
              << std::endl;
    loop.stop();
  });

  const pid_t child = fork();
  if (child == -1) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) _exit(in_the_child(loop));

  int status = 0;
  while (waitpid(child, &status, 0) == -1 && errno == EINTR) {
  }
  loop.start();
  return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
} catch (const std::exception& error) {
  std::cerr << "fork: " << error.what() << std::endl;
  return 1;
}
