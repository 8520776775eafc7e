// SPDX-License-Identifier: Apache-2.0
#include "support/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <utility>

namespace tornado::test {
namespace {

/// Moves `fd` far from the numbers that tests look at.
int move_up(int fd) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const int top = static_cast<int>(limit.rlim_cur);
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, top > 128 ? top - 64 : 3);
  if (moved == -1) return fd;
  ::close(fd);
  return moved;
}

void write_all(int fd, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n == -1 && errno != EINTR) return;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
}

[[noreturn]] void be_the_child(const std::function<std::string()>& body, int answer) {
  int status = 0;
  std::string output;
  try {
    output = body();
  } catch (const std::exception& e) {
    status = 1;
    output = e.what();
  } catch (...) {
    status = 1;
    output = "something that is no std::exception was thrown";
  }
  write_all(answer, output);
  ::_exit(status);
}

/// Reads until the child has closed its end. False at the deadline.
bool read_answer(int fd, std::chrono::milliseconds limit, std::string& output) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (!becomes_readable(fd, std::chrono::ceil<std::chrono::milliseconds>(left))) {
      return false;
    }
    char bytes[4096];
    const ssize_t n = ::read(fd, bytes, sizeof bytes);
    if (n == 0) return true;
    if (n > 0) output.append(bytes, static_cast<std::size_t>(n));
  }
}

class FailuresTo : public testing::EmptyTestEventListener {
 public:
  explicit FailuresTo(std::string& text) : text_(text) {}
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    text_ += result.file_name() ? result.file_name() : "unknown file";
    text_ +=
        ":" + std::to_string(result.line_number()) + ": " + result.message() + "\n";
  }

 private:
  std::string& text_;
};

/// In a child: the failures become text, and nothing is printed.
std::string collect_failures(const std::function<void()>& body) {
  std::string failures;
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  delete listeners.Release(listeners.default_result_printer());
  listeners.Append(new FailuresTo(failures));
  try {
    body();
  } catch (const std::exception& e) {
    failures += std::string("an exception left the body: ") + e.what() + "\n";
  }
  return failures;
}

}  // namespace

ChildResult run_in_child(const std::function<std::string()>& body,
                         std::chrono::milliseconds deadline) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) == -1) throw std::runtime_error("pipe2");
  ends[0] = move_up(ends[0]);
  ends[1] = move_up(ends[1]);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    be_the_child(body, ends[1]);
  }
  ::close(ends[1]);
  if (pid == -1) {
    ::close(ends[0]);
    throw std::runtime_error("fork");
  }
  ChildResult result;
  if (!read_answer(ends[0], deadline, result.output)) {
    result.timed_out = true;
    ::kill(pid, SIGKILL);
  }
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(pid, &status, 0) == -1 && errno == EINTR) {
  }
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

bool is_true_in_child(const std::function<bool()>& question) {
  return run_in_child([&] { return std::string(question() ? "yes" : "no"); }).output ==
         "yes";
}

testing::AssertionResult passes_in_child(const std::function<void()>& body,
                                         std::chrono::milliseconds deadline) {
  const ChildResult result =
      run_in_child([&body] { return collect_failures(body); }, deadline);
  if (result.timed_out) return testing::AssertionFailure() << "the child hung";
  if (result.signal != 0) {
    return testing::AssertionFailure() << "the child died of signal " << result.signal;
  }
  if (result.exit_status != 0 || !result.output.empty()) {
    return testing::AssertionFailure()
           << "in the child (exit status " << result.exit_status << "):\n"
           << result.output;
  }
  return testing::AssertionSuccess();
}

bool has_children() {
  siginfo_t info;
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 ||
         errno != ECHILD;
}

}  // namespace tornado::test
