// SPDX-License-Identifier: Apache-2.0
#include "tool/run_session.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "support/wait.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

// No other thread runs here, so that the child may do as it likes.
Child start(std::vector<std::string> words, const std::function<void()>& before_exec) {
  words.insert(words.begin(), {TORNADO_COMMAND, "run", "--no-time"});
  const auto pointers = pointers_to(words);
  FdPair out = make_pipe();
  FdPair err = make_pipe();
  for (const auto* pipe : {&out, &err}) set_nonblocking(pipe->second.get(), false);
  Child child;
  child.pid = ::fork();
  if (child.pid == 0) {
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(null, STDIN_FILENO);
    ::dup2(out.second.get(), STDOUT_FILENO);
    ::dup2(err.second.get(), STDERR_FILENO);
    ::unsetenv("NO_COLOR");
    ::setenv("LC_ALL", "C", 1);
    before_exec();
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  child.out = std::move(out.first);
  child.err = std::move(err.first);
  return child;
}

int wait_for(int& pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) == -1 && errno == EINTR) {
  }
  pid = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace

RunSession::RunSession(std::vector<std::string> words,
                       const std::function<void()>& before_exec)
    : child_(start(std::move(words), before_exec)) {}

RunSession::~RunSession() {
  if (child_.pid == -1) return;
  ::kill(child_.pid, SIGKILL);
  wait();
}

void RunSession::signal(int number) const {
  ::kill(child_.pid, number);
}

bool RunSession::pipe_is_full() const {
  return wait_until([this] {
    int bytes = 0;
    ::ioctl(child_.out.get(), FIONREAD, &bytes);
    return bytes >= 65536;
  });
}

bool RunSession::says(std::string_view text) {
  return read_until(text, out_);
}

int RunSession::says_a_process() {
  if (!says("\n")) throw std::runtime_error("no line: " + err_);
  return std::stoi(out_.substr(out_.find('|') + 2));
}

bool RunSession::reports(std::string_view text) {
  return read_until(text, err_);
}

bool RunSession::read_until(std::string_view text, const std::string& where) {
  while (where.find(text) == std::string::npos) {
    if (!read_some()) return false;
  }
  return true;
}

// What rusage says of a child begins with the memory of its parent.
void RunSession::look_at_memory() {
  std::ifstream status("/proc/" + std::to_string(child_.pid) + "/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:") status >> most_memory_;
  }
}

bool RunSession::read_some() {
  look_at_memory();
  std::array<pollfd, 2> both = {{{child_.out ? child_.out.get() : -1, POLLIN, 0},
                                 {child_.err ? child_.err.get() : -1, POLLIN, 0}}};
  if (both[0].fd == -1 && both[1].fd == -1) return false;
  if (::poll(both.data(), both.size(),
             static_cast<int>(std::chrono::milliseconds(patience).count())) <= 0) {
    throw std::runtime_error("nothing said: " + out_ + err_);
  }
  const auto read_from = [](UniqueFd& fd, std::string& text) {
    std::array<char, 65536> bytes;
    const ssize_t n = ::read(fd.get(), bytes.data(), bytes.size());
    if (n > 0) text.append(bytes.data(), static_cast<std::size_t>(n));
    if (n == 0) fd.reset();
  };
  if (both[0].revents != 0) read_from(child_.out, out_);
  if (both[1].revents != 0) read_from(child_.err, err_);
  return true;
}

int RunSession::wait() {
  return wait_for(child_.pid);
}

Finish RunSession::finish() {
  while (read_some()) {
  }
  const int status = wait();
  return {std::max(status, -1), status < 0 ? -status : 0, out_, err_};
}

TerminalSession::TerminalSession(std::vector<std::string> words) {
  const auto pointers = pointers_to(words);
  int terminal = -1;
  pid_ = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  if (pid_ == -1) throw std::runtime_error("no terminal to be had");
  if (pid_ == 0) {
    ::setenv("TERM", "dumb", 1);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  terminal_ = UniqueFd(terminal);
  set_close_exec(terminal);
}

TerminalSession::~TerminalSession() {
  if (pid_ == -1) return;
  ::kill(pid_, SIGKILL);
  wait_for(pid_);
}

void TerminalSession::type(std::string_view keys) const {
  if (::write(terminal_.get(), keys.data(), keys.size()) !=
      static_cast<ssize_t>(keys.size())) {
    throw std::runtime_error("cannot type");
  }
}

bool TerminalSession::read_some() {
  if (!becomes_readable(terminal_.get())) {
    throw std::runtime_error("nothing shown: " + shown_);
  }
  std::array<char, 4096> bytes;
  const ssize_t n = ::read(terminal_.get(), bytes.data(), bytes.size());
  if (n > 0) shown_.append(bytes.data(), static_cast<std::size_t>(n));
  return n > 0;  // EIO at the end
}

bool TerminalSession::shows(std::string_view text) {
  while (shown_.find(text) == std::string::npos) {
    if (!read_some()) return false;
  }
  return true;
}

int TerminalSession::finish() {
  while (read_some()) {
  }
  return wait_for(pid_);
}

TemporaryFile::TemporaryFile(std::string_view text) : path_("/tmp/tornado_run_XXXXXX") {
  const UniqueFd file(::mkostemp(path_.data(), O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) !=
                   static_cast<ssize_t>(text.size())) {
    throw std::runtime_error("cannot write " + path_);
  }
}

TemporaryFile::~TemporaryFile() {
  ::unlink(path_.c_str());
}

}  // namespace tornado::test
