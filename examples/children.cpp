// SPDX-License-Identifier: Apache-2.0
// A program is run, fed, and read from; and a descriptor that somebody forgot to mark
// is not in it.

#include <tornado/tornado.h>
#include <unistd.h>

#include <iostream>
#include <string>
#include <system_error>

namespace {

using tornado::Subprocess;

std::string sorted(tornado::IOLoop& loop, const std::string& lines) {
  Subprocess sort(
      {.argv = {"sort"}, .in = Subprocess::STREAM, .out = Subprocess::STREAM}, loop);
  return sort.communicate(lines).out;
}

bool child_has(tornado::IOLoop& loop, tornado::NativeFd fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  Subprocess test({.argv = {"test", "-e", path}}, loop);
  return test.wait_for_exit(false) == 0;
}

}  // namespace

int main() try {
  tornado::IOLoop loop;
  std::cout << sorted(loop, "pear\napple\nfig\n");

  // NOLINTNEXTLINE(android-cloexec-dup): it would survive exec
  const tornado::UniqueFd forgotten(dup(STDOUT_FILENO));
  std::cout << "the child has the forgotten descriptor: "
            << (child_has(loop, forgotten.get()) ? "yes" : "no") << "\n";

  try {
    const Subprocess missing({.argv = {"/no/such/program"}}, loop);
  } catch (const std::system_error& error) {
    std::cout << error.what() << "\n";
  }
} catch (const std::exception& error) {
  std::cerr << "children: " << error.what() << "\n";
  return 1;
}
