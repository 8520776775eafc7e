// SPDX-License-Identifier: Apache-2.0
#include "support/reporter.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>
#include <stdexcept>

#include "support/wait.h"

namespace tornado::test {

const char* reporter_path() {
  return DESCRIPTOR_REPORTER;
}

Report parse_report(const std::string& text) {
  std::istringstream in(text);
  std::string line;
  Report report;
  if (!std::getline(in, line)) throw std::runtime_error("the reporter said nothing");
  report.write_errno = std::stoi(line);
  while (std::getline(in, line)) report.descriptors.push_back(from_line(line));
  return report;
}

bool reporter_runs() {
  try {
    (void)execute_reporter();
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

Report execute_reporter(const std::function<void()>& before_exec,
                        const std::optional<Write>& write) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) == -1) throw std::runtime_error("pipe2");
  const std::string to = std::to_string(ends[1]);
  const std::string fd = write ? std::to_string(write->fd) : "";
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (before_exec) before_exec();
    ::fcntl(ends[1], F_SETFD, 0);
    if (write) {
      ::execl(reporter_path(), reporter_path(), to.c_str(), fd.c_str(),
              write->text.c_str(), nullptr);
    } else {
      ::execl(reporter_path(), reporter_path(), to.c_str(), nullptr);
    }
    ::_exit(127);
  }
  ::close(ends[1]);
  if (pid == -1) {
    ::close(ends[0]);
    throw std::runtime_error("fork");
  }
  const std::string text = read_to_end(ends[0]);
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(pid, &status, 0) == -1 && errno == EINTR) {
  }
  if (status != 0) {
    throw std::runtime_error("the reporter failed: " + std::to_string(status));
  }
  return parse_report(text);
}

}  // namespace tornado::test
