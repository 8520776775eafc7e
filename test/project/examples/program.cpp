// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "support/wait.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

[[noreturn]] void become(std::vector<std::string> words, NativeFd input,
                         NativeFd output, NativeFd errors,
                         const std::function<void()>& before_exec) {
  if (input != invalid_fd) ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  if (before_exec) before_exec();
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(argv.front(), argv.data());
  ::_exit(127);
}

}  // namespace

Program::Program(const std::string& name, NativeFd input,
                 const std::function<void()>& before_exec,
                 const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {EXAMPLES + name};
  words.insert(words.end(), arguments.begin(), arguments.end());
  FdPair output = make_pipe();
  FdPair errors = make_pipe();
  set_nonblocking(output.second.get(), false);
  set_nonblocking(errors.second.get(), false);
  pid_ = ::fork();
  if (pid_ == -1) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) {
    become(words, input, output.second.get(), errors.second.get(), before_exec);
  }
  output_ = std::move(output.first);
  errors_ = std::move(errors.first);
}

bool Program::exists(const std::string& name) {
  return ::access((EXAMPLES + name).c_str(), X_OK) == 0;
}

Program::~Program() {
  if (pid_ == -1) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Program::send(int signal) const {
  ::kill(pid_, signal);
}

std::string Program::next_line(NativeFd fd) {
  std::string line;
  for (char c = 0; becomes_readable(fd) && ::read(fd, &c, 1) == 1 && c != '\n';) {
    line += c;
  }
  return line;
}

Ending Program::wait() {
  Ending ending;
  ending.output = read_to_end(output_.get());
  ending.errors = read_to_end(errors_.get());
  int status = 0;
  while (::waitpid(pid_, &status, 0) == -1 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFEXITED(status)) ending.exit_status = WEXITSTATUS(status);
  return ending;
}

}  // namespace tornado::test
