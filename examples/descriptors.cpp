// SPDX-License-Identifier: Apache-2.0
// What the two flags of a descriptor belong to: close-on-exec to the number,
// O_NONBLOCK to the open file description, which duplicates and children share.

#include <tornado/fd.h>
#include <tornado/platform.h>
#include <unistd.h>

#include <iostream>
#include <system_error>

namespace {

const char* yes_no(bool value) {
  return value ? "yes" : "no";
}

void born_safe() {
  const tornado::FdPair pipe = tornado::make_pipe();
  std::cout << "made by the library: close-on-exec "
            << yes_no(tornado::is_close_exec(pipe.first.get())) << ", non-blocking "
            << yes_no(tornado::is_nonblocking(pipe.first.get())) << "\n";
}

// From a library that does not know better. If another thread forks and executes
// between the two lines, its child has the descriptor.
void from_elsewhere() {
  // NOLINTNEXTLINE(android-cloexec-dup)
  const tornado::UniqueFd foreign(dup(STDOUT_FILENO));
  tornado::set_close_exec(foreign.get());
  std::cout << "made elsewhere, then marked: close-on-exec "
            << yes_no(tornado::is_close_exec(foreign.get())) << "\n";
}

void shared_description() {
  const tornado::FdPair pipe = tornado::make_pipe();
  const tornado::UniqueFd twin = tornado::duplicate(pipe.first.get());
  tornado::set_nonblocking(pipe.first.get(), false);
  std::cout << "its twin after set_nonblocking(false): non-blocking "
            << yes_no(tornado::is_nonblocking(twin.get())) << "\n";
  {
    const tornado::NonblockingScope scope(twin.get());
    std::cout << "within a NonblockingScope: non-blocking "
              << yes_no(tornado::is_nonblocking(pipe.first.get())) << "\n";
  }
  std::cout << "after it: non-blocking "
            << yes_no(tornado::is_nonblocking(pipe.first.get())) << "\n";
}

void without_exceptions() {
  std::error_code ec;
  tornado::set_close_exec(tornado::invalid_fd, ec);
  std::cout << "a bad descriptor: "
            << (ec == std::errc::bad_file_descriptor ? "EBADF" : ec.message()) << "\n";
}

}  // namespace

int main() try {
  born_safe();
  from_elsewhere();
  shared_description();
  without_exceptions();
} catch (const std::exception& error) {
  std::cerr << "descriptors: " << error.what() << "\n";
  return 1;
}
