// SPDX-License-Identifier: Apache-2.0
// The cases of Tornado's process_test.py, under its names.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "process/talk.h"
#include "support/child.h"
#include "support/log_capture.h"
#include "support/loopback.h"
#include "tornado/fork_processes.h"
#include "tornado/platform.h"

namespace tornado::test {
namespace {

// A server of one-line requests: "pid" is answered, "exit N" obeyed.
void answer(int connection) {
  set_nonblocking(connection, false);
  char request[64] = {};
  [[maybe_unused]] const auto size = ::read(connection, request, sizeof request - 1);
  int status = 0;
  if (std::sscanf(request, "exit %d", &status) == 1) ::_exit(status);
  const std::string text = std::to_string(::getpid());
  [[maybe_unused]] const auto n = ::write(connection, text.data(), text.size());
}

void serve(const UniqueFd& listener) {
  IOLoop loop;
  loop.add_handler(
      listener.get(),
      [](NativeFd fd, Events) {
        const UniqueFd connection = accept_socket(fd);
        if (connection) answer(connection.get());
      },
      Events::read);
  loop.start();
}

std::string ask(const UniqueFd& listener, const std::string& request) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  const UniqueFd connection(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(connection.get(), reinterpret_cast<sockaddr*>(&address), size) == -1 ||
      ::write(connection.get(), request.data(), request.size()) == -1) {
    return "no connection";
  }
  char text[64] = {};
  return ::read(connection.get(), text, sizeof text - 1) > 0 ? text : "";
}

// Tornado's client, in worker 2. What it expects decides its exit status.
int drive(const UniqueFd& listener) {
  if (ask(listener, "pid").empty()) return 101;
  if (!ask(listener, "exit 2").empty()) return 102;
  if (ask(listener, "pid").empty()) return 103;
  if (!ask(listener, "exit 3").empty()) return 104;
  if (ask(listener, "pid").empty()) return 105;
  // This one is not restarted; the other goes on.
  if (!ask(listener, "exit 0").empty()) return 106;
  const std::string pid = ask(listener, "pid");
  if (pid.empty()) return 107;
  if (!ask(listener, "exit 4").empty()) return 108;
  const std::string other = ask(listener, "pid");
  if (other.empty() || other == pid) return 109;
  return ask(listener, "exit 0").empty() ? 0 : 110;
}

/// "child ID (pid PID) exited" of each worker that has begun, from what each wrote.
std::vector<std::string> ends_of(const FdPair& begun) {
  std::vector<std::string> ends;
  for (int worker[2]; ::read(begun.first.get(), worker, sizeof worker) > 0;) {
    ends.push_back("child " + std::to_string(worker[0]) + " (pid " +
                   std::to_string(worker[1]) + ") exited");
  }
  return ends;
}

TEST(ProcessTest, test_multi_process) {
  EXPECT_TRUE(passes_in_child([] {
    const LogCapture log;
    const UniqueFd listener = listen_on_loopback();
    const FdPair begun = make_pipe();
    const ForkResult forked = fork_processes(3, {.max_restarts = 3});
    if (forked.task_id) {
      if (task_id() != forked.task_id) ::_exit(99);
      const int worker[2] = {*forked.task_id, ::getpid()};
      if (::write(begun.second.get(), worker, sizeof worker) == -1) ::_exit(97);
      if (*forked.task_id == 2) ::_exit(drive(listener));
      serve(listener);
      ::_exit(98);
    }
    EXPECT_EQ(forked.signal, 0);
    EXPECT_FALSE(task_id());
    EXPECT_FALSE(has_children());
    EXPECT_TRUE(log.contains("Starting 3 processes"));
    for (const char* status : {"2", "3", "4"}) {
      EXPECT_TRUE(
          log.contains(std::string(" exited with status ") + status + ", restarting"));
    }
    // One line for each, with the id that it had: a worker that is restarted keeps it.
    const std::vector<std::string> ends = ends_of(begun);
    EXPECT_EQ(ends.size(), 3u + 3u);
    std::size_t logged = 0;
    for (const LogCapture::Record& record : log.records()) {
      logged += record.message.starts_with("child ");
    }
    EXPECT_EQ(logged, ends.size());
    std::vector<std::size_t> restarts(3), begins(3);
    for (const std::string& end : ends) {
      const auto id = static_cast<std::size_t>(end[6] - '0');
      ASSERT_LT(id, 3u);
      ++begins[id];
      EXPECT_TRUE(log.contains(end)) << end;
      restarts[id] += log.contains(end + " with status");
    }
    for (std::size_t id = 0; id < 3; ++id) EXPECT_EQ(begins[id], restarts[id] + 1);
    EXPECT_TRUE(log.contains(" exited normally"));
  }));
}

TEST(SubprocessTest, test_subprocess) {
  IOLoop loop;
  Subprocess child({.shell = "while read line; do echo \"$line\"; done",
                    .in = STREAM,
                    .out = STREAM,
                    .err = Stdio::as_stdout()});
  send(child.in()->fileno(), "hello\n");
  EXPECT_EQ(read_line(child.out()->fileno()), "hello\n");
  child.in().reset();
  EXPECT_EQ(read_to_end(child.out()->fileno()), "");
  EXPECT_EQ(child.wait_for_exit(), 0);
}

TEST(SubprocessTest, test_close_stdin) {
  IOLoop loop;
  Subprocess other({.argv = {"cat"}, .in = STREAM});
  Subprocess child({.shell = "cat; echo", .in = STREAM, .out = STREAM});
  Subprocess another({.argv = {"cat"}, .in = STREAM});
  child.in().reset();
  EXPECT_EQ(read_to_end(child.out()->fileno()), "\n");
  EXPECT_EQ(child.wait_for_exit(), 0);
  other.in().reset();
  another.in().reset();
  EXPECT_EQ(other.wait_for_exit(), 0);
  EXPECT_EQ(another.wait_for_exit(), 0);
}

TEST(SubprocessTest, test_stderr) {
  IOLoop loop;
  Subprocess child({.shell = "echo hello >&2", .err = STREAM});
  EXPECT_EQ(read_to_end(child.err()->fileno()), "hello\n");
  EXPECT_EQ(child.wait_for_exit(), 0);
}

TEST(SubprocessTest, test_sigchild) {
  IOLoop loop;
  Subprocess child({.argv = {"true"}});
  const ExitStatus status = exit_of(child, loop);
  EXPECT_FALSE(status.error);
  EXPECT_EQ(status.returncode, 0);
  EXPECT_EQ(child.returncode(), 0);
}

TEST(SubprocessTest, test_sigchild_future) {
  IOLoop loop;
  Subprocess child({.argv = {"true"}});
  EXPECT_FALSE(child.returncode());
  EXPECT_EQ(child.wait_for_exit(), 0);
  EXPECT_EQ(child.returncode(), 0);
}

TEST(SubprocessTest, test_sigchild_signal) {
  IOLoop loop;
  Subprocess child({.argv = {"sleep", "1000"}});
  EXPECT_TRUE(child.terminate());
  EXPECT_EQ(exit_of(child, loop).returncode, -SIGTERM);
  EXPECT_EQ(child.returncode(), -SIGTERM);
}

TEST(SubprocessTest, test_wait_for_exit_raise) {
  IOLoop loop;
  Subprocess child({.shell = "exit 1"});
  try {
    child.wait_for_exit();
    ADD_FAILURE() << "did not throw";
  } catch (const CalledProcessError& error) {
    EXPECT_EQ(error.returncode(), 1);
    EXPECT_EQ(error.what(),
              "child " + std::to_string(child.pid()) + " exited with status 1");
  }
}

TEST(SubprocessTest, test_wait_for_exit_raise_disabled) {
  IOLoop loop;
  Subprocess child({.shell = "exit 1"});
  EXPECT_EQ(child.wait_for_exit(false), 1);
}

}  // namespace
}  // namespace tornado::test
