// SPDX-License-Identifier: Apache-2.0
#include "tool/tool.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <sstream>
#include <stdexcept>

#include "support/wait.h"
#include "tornado/fd.h"

namespace tornado::test {
namespace {

extern "C" char** environ;

// The two ends of what the command says something on.
struct Channel {
  UniqueFd ours;
  UniqueFd theirs;
};

Channel make_terminal(unsigned columns) {
  Channel channel;
  channel.ours = UniqueFd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  const int master = channel.ours.get();
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) {
    throw std::runtime_error("no terminal to be had");
  }
  channel.theirs = UniqueFd(::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC));
  winsize size = {};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = 50;
  ::ioctl(master, TIOCSWINSZ, &size);
  return channel;
}

Channel make_channel() {
  FdPair pipe = make_pipe();
  return {std::move(pipe.first), std::move(pipe.second)};
}

std::vector<std::string> environment_for(const Start& start) {
  constexpr std::array<std::string_view, 5> without = {
      "TORNADO_", "NO_COLOR=", "TERM=", "LANG=", "LC_"};
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    bool keep = true;
    for (const auto& prefix : without) keep = keep && !text.starts_with(prefix);
    for (const auto& [name, value] : start.environment) {
      keep = keep && !text.starts_with(name + "=");
    }
    if (keep) result.emplace_back(text);
  }
  for (const auto& [name, value] : start.environment) {
    result.push_back(name + "=" + value);
  }
  return result;
}

// No other thread runs here, so that the child may do as it likes.
pid_t execute(const Start& start, const Channel& out, const Channel& err) {
  std::vector<std::string> words = {"tornado"};
  words.insert(words.end(), start.arguments.begin(), start.arguments.end());
  auto variables = environment_for(start);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::dup2(out.theirs.get(), STDOUT_FILENO);
  ::dup2(err.theirs.get(), STDERR_FILENO);
  start.before_exec();
  ::execve(TORNADO_COMMAND, pointers_to(words).data(), pointers_to(variables).data());
  ::_exit(127);
}

// False at the end.
bool read_some(int fd, std::string& text) {
  std::array<char, 4096> bytes;
  const ssize_t n = ::read(fd, bytes.data(), bytes.size());
  if (n > 0) text.append(bytes.data(), static_cast<std::size_t>(n));
  // A terminal whose other side is closed says EIO.
  return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

void listen(const Start& start, pid_t pid, int out, int err, Finish& finish) {
  std::array<pollfd, 2> both = {{{out, POLLIN, 0}, {err, POLLIN, 0}}};
  const auto end = std::chrono::steady_clock::now() + 2 * patience;
  bool interrupt = !start.interrupt_after.empty();
  while (both[0].fd >= 0 || both[1].fd >= 0) {
    if (std::chrono::steady_clock::now() > end) ::kill(pid, SIGKILL);
    if (::poll(both.data(), both.size(), 1000) <= 0) continue;
    if (both[0].revents != 0 && !read_some(out, finish.out)) both[0].fd = -1;
    if (both[1].revents != 0 && !read_some(err, finish.err)) both[1].fd = -1;
    if (interrupt && contains(finish.out, start.interrupt_after)) {
      interrupt = false;
      ::kill(pid, SIGINT);
    }
  }
}

}  // namespace

Finish run_tornado(const Start& start) {
  Channel out = start.terminal_columns > 0 ? make_terminal(start.terminal_columns)
                                           : make_channel();
  Channel err = make_channel();
  const pid_t pid = execute(start, out, err);
  if (pid < 0) throw std::runtime_error("fork failed");
  out.theirs.reset();
  err.theirs.reset();
  Finish finish;
  listen(start, pid, out.ours.get(), err.ours.get(), finish);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) finish.status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) finish.signal = WTERMSIG(status);
  return finish;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t size = byte < 0x80   ? 1
                             : byte < 0xc2 ? 0
                             : byte < 0xe0 ? 2
                             : byte < 0xf0 ? 3
                                           : 4;
    if (size == 0 || i + size > text.size()) return false;
    for (std::size_t k = 1; k < size; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    }
    i += size;
  }
  return true;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace tornado::test
