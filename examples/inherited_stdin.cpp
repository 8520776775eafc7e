// SPDX-License-Identifier: Apache-2.0
// Counts the lines of its standard input on a loop. The shell, and whoever else holds
// that description, find it afterwards as it was: blocking.

#include <tornado/tornado.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iostream>
#include <optional>
#include <system_error>

namespace {

class LineCounter {
 public:
  // False at the end.
  bool read_some(tornado::NativeFd fd) {
    std::array<char, 4096> buffer;
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n == 0) return false;
    if (n < 0) {
      if (errno == EAGAIN || errno == EINTR) return true;
      throw std::system_error(errno, std::generic_category(), "read");
    }
    lines_ += std::count(buffer.begin(), buffer.begin() + n, '\n');
    return true;
  }
  std::ptrdiff_t lines() const { return lines_; }

 private:
  std::ptrdiff_t lines_ = 0;
};

void count(LineCounter& counter) {
  const tornado::NonblockingScope scope(STDIN_FILENO);
  tornado::IOLoop loop;
  loop.set_exception_policy(tornado::ExceptionPolicy::rethrow);
  try {
    loop.add_handler(
        STDIN_FILENO,
        [&](tornado::NativeFd fd, tornado::Events) {
          if (!counter.read_some(fd)) loop.stop();
        },
        tornado::Events::read);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::operation_not_permitted) throw;
    while (counter.read_some(STDIN_FILENO)) {  // a file: epoll has no use for it
    }
    return;
  }
  loop.start();
}

}  // namespace

int main() try {
  LineCounter counter;
  count(counter);
  std::cout << counter.lines() << " lines\n";
} catch (const std::exception& error) {
  std::cerr << "inherited_stdin: " << error.what() << "\n";
  return 1;
}
