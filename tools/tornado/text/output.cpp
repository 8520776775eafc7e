// SPDX-License-Identifier: Apache-2.0
#include "text/output.h"

#include <langinfo.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include "text/byte_text.h"

namespace tornado::cli {
namespace {

bool environment_has(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

bool dumb() {
  const char* term = std::getenv("TERM");
  return term == nullptr || *term == '\0' || std::string_view(term) == "dumb";
}

unsigned width_of(int fd) {
  winsize size = {};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace

Terminal look_at(int fd, ColorChoice choice) {
  Terminal t;
  t.is_terminal = ::isatty(fd) == 1;
  t.utf8 = std::string_view(::nl_langinfo(CODESET)) == "UTF-8";
  t.can_erase = t.is_terminal && !dumb();
  t.colour =
      choice == ColorChoice::always ||
      (choice == ColorChoice::automatic && t.can_erase && !environment_has("NO_COLOR"));
  if (t.is_terminal) t.width = std::max(width_of(fd), 40u);
  return t;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd wait = {fd, POLLOUT, 0};
      (void)::poll(&wait, 1, -1);
    } else if (errno == EPIPE) {
      throw ReaderGone{};
    } else if (errno != EINTR) {
      throw std::system_error(errno, std::system_category(),
                              fd == STDOUT_FILENO
                                  ? "write standard output"
                                  : "write to descriptor " + std::to_string(fd));
    }
  }
}

void Output::flush(int fd) {
  write_all(fd, std::exchange(buffer_, {}));
}

std::string Output::paint(Tone tone, std::string_view text) const {
  if (!terminal_.colour || tone == Tone::plain) return std::string(text);
  const char* code = tone == Tone::title  ? "1"
                     : tone == Tone::good ? "32"
                     : tone == Tone::bad  ? "1;31"
                                          : "2";
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

Progress::Progress(bool wanted) {
  const Terminal t = look_at(STDERR_FILENO, ColorChoice::never);
  on_ = wanted && t.can_erase;
  width_ = t.width;
}

void Progress::show(std::string_view text) noexcept {
  if (!on_) return;
  try {
    write_all(STDERR_FILENO, fmt::format("\r{}\x1b[K", cut(text, width_ - 1)));
    shown_ = true;
  } catch (...) {
    on_ = false;
  }
}

void Progress::clear() noexcept {
  if (shown_) show("");
  shown_ = false;
}

}  // namespace tornado::cli
