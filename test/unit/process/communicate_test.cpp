// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <csignal>

#include "process/subprocess_acts.h"
#include "process/talk.h"
#include "support/child.h"
#include "support/pollers.h"
#include "support/signals.h"
#include "tornado/gen.h"
#include "tornado/platform.h"
#include "tornado/task_group.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

TEST(Subprocess, communicates_more_than_the_pipes_hold) {
  IOLoop loop;
  const std::string input(3'000'000, 'x');
  Subprocess child(
      {.shell = "tee /dev/stderr", .in = STREAM, .out = STREAM, .err = STREAM});
  const Communicated result = child.communicate(input, {.timeout = patience});
  EXPECT_EQ(result.out.size(), input.size());
  EXPECT_EQ(result.err.size(), input.size());
  EXPECT_EQ(result.out, input);
  EXPECT_EQ(result.err, input);
  EXPECT_EQ(result.status.returncode, 0);
  EXPECT_EQ(child.returncode(), 0);
}

TEST(Subprocess, communicates_with_a_child_that_reads_nothing) {
  const SignalScope default_action(SIGPIPE, SIG_DFL);
  IOLoop loop;
  Subprocess child(
      {.shell = "exec <&-; echo out; exit 3", .in = STREAM, .out = STREAM});
  const Communicated result =
      child.communicate(std::string(1'000'000, 'x'), {.timeout = patience});
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.status.returncode, 3);
  sigset_t pending;
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
}

TEST(Subprocess, leaves_a_sigpipe_that_was_pending_before) {
  EXPECT_TRUE(passes_in_child([] {
    const SignalScope default_action(SIGPIPE, SIG_DFL);
    sigset_t pipe_signal, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);
    ::raise(SIGPIPE);
    IOLoop loop;
    Subprocess child({.shell = "exec <&-; echo out", .in = STREAM, .out = STREAM});
    const Communicated result =
        child.communicate(std::string(1'000'000, 'x'), {.timeout = patience});
    EXPECT_EQ(result.out, "out\n");
    sigpending(&pending);
    EXPECT_EQ(sigismember(&pending, SIGPIPE), 1);
  }));
}

// The grandchild reads on when the child has ended, and not before.
TEST(Subprocess, communicates_with_what_the_child_left_behind) {
  IOLoop loop;
  const FdPair gate = make_pipe();
  set_nonblocking(gate.first.get(), false);
  const std::string input(1'000'000, 'x');
  Subprocess child({.shell = "exec 3<&0; { read line <&5; cat <&3; } & exit 3",
                    .in = STREAM,
                    .out = STREAM,
                    .descriptors = {{5, gate.first.get()}}});
  child.set_exit_callback([&gate](ExitStatus) { send(gate.second.get(), "go\n"); });
  const Communicated result = child.communicate(input, {.timeout = patience});
  EXPECT_EQ(result.out, input);
  EXPECT_EQ(result.status.returncode, 3);
}

TEST(Subprocess, goes_on_communicating_after_a_deadline) {
  IOLoop loop;
  Subprocess child({.shell = "echo first; read line; echo second $line",
                    .in = STREAM,
                    .out = STREAM});
  FdPair gate = make_pipe();
  set_nonblocking(gate.first.get(), false);
  Subprocess gated({.shell = "echo first; read line <&5; echo second $line; exit 2",
                    .out = STREAM,
                    .descriptors = {{5, gate.first.get()}}});
  try {
    gated.communicate({}, {.timeout = 1ms});
    ADD_FAILURE() << "did not throw";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), Errc::timed_out);
  }
  send(gate.second.get(), "line\n");
  const Communicated result = gated.communicate({}, {.timeout = patience});
  EXPECT_EQ(result.out, "first\nsecond line\n");
  EXPECT_EQ(result.status.returncode, 2);
  EXPECT_EQ(child.communicate("x\n", {.timeout = patience}).out, "first\nsecond x\n");
}

// The result came when no callback was set.
TEST(Subprocess, keeps_a_result_that_comes_after_the_deadline) {
  IOLoop loop;
  Subprocess child({.shell = "echo text", .out = STREAM});
  EXPECT_THROW(child.communicate({}, {.timeout = 0ms}), std::system_error);
  EXPECT_EQ(child.wait_for_exit(), 0);
  EXPECT_EQ(child.communicate({}, {.timeout = patience}).out, "text\n");
}

/// On every poller, each of which has its own way to wait for the streams.
class EverySubprocess : public testing::TestWithParam<PollerKind> {
 protected:
  IOLoop loop{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(, EverySubprocess, testing::ValuesIn(working_poller_kinds()),
                         [](const auto& test) {
                           return std::string(to_string(test.param));
                         });

TEST_P(EverySubprocess, talks_with_tasks_over_its_streams) {
  Subprocess child({.shell = "while read line; do echo $line; echo e$line >&2; done",
                    .in = STREAM,
                    .out = STREAM,
                    .err = STREAM});
  const auto talk = [&child]() -> Task<void> {
    for (const char* line : {"one\n", "two\n"}) {
      co_await child.in()->write(line);
      EXPECT_EQ(co_await child.out()->read_until("\n"), line);
      EXPECT_EQ(co_await child.err()->read_until("\n"), std::string("e") + line);
    }
    child.in().reset();
    EXPECT_EQ(co_await child.out()->read_until_close(), "");
    EXPECT_EQ((co_await child.exited()).returncode, 0);
  };
  loop.run_sync(talk(), patience);
}

TEST_P(EverySubprocess, talks_with_callbacks_over_its_streams) {
  Subprocess child({.argv = {"cat"}, .in = STREAM, .out = STREAM});
  std::string all;
  child.in()->write("line\nrest").call([&child](Result<void> sent) {
    EXPECT_TRUE(sent);
    child.in().reset();
  });
  child.out()->read_until("\n").call([&](Result<std::string> line) {
    all = line.get() + "and ";
    child.out()->read_until_close().call([&](Result<std::string> rest) {
      all += rest.get();
      loop.stop();
    });
  });
  loop.start();
  EXPECT_EQ(all, "line\nand rest");
}

TEST_P(EverySubprocess, communicates_with_a_task) {
  Subprocess child({.shell = "cat; exit 3", .in = STREAM, .out = STREAM});
  const auto talk = [&child]() -> Task<Communicated> {
    co_return co_await child.communicated(std::string(300'000, 'x'));
  };
  const Communicated result = loop.run_sync(talk(), patience);
  EXPECT_EQ(result.out, std::string(300'000, 'x'));
  EXPECT_EQ(result.status.returncode, 3);
  EXPECT_FALSE(result.cut_off);
}

TEST_P(EverySubprocess, gives_at_a_timeout_the_output_until_then) {
  FdPair gate = make_pipe();
  set_nonblocking(gate.first.get(), false);
  Subprocess child({.shell = "echo first; read line <&5; echo second",
                    .out = STREAM,
                    .descriptors = {{5, gate.first.get()}}},
                   loop);
  std::string so_far;
  EXPECT_TRUE(wait_until([&] {
    try {
      child.communicate({}, {.timeout = 1ms});
      ADD_FAILURE() << "did not throw";
    } catch (const CommunicateTimeout& error) {
      EXPECT_EQ(error.code(), Errc::timed_out);
      so_far = error.so_far().out;
    }
    return so_far == "first\n";
  }));
  gate.second.reset();
  EXPECT_EQ(child.communicate({}, {.timeout = patience}).out, "first\nsecond\n");
}

// The daemon keeps stdout and stdin.
TEST_P(EverySubprocess, does_not_wait_for_a_daemon_that_its_child_left_behind) {
  const FdPair gate = make_pipe();
  set_nonblocking(gate.first.get(), false);
  Subprocess child({.shell = "exec 3<&0; { read line <&5; } & echo text; exit 3",
                    .in = STREAM,
                    .out = STREAM,
                    .descriptors = {{5, gate.first.get()}}},
                   loop);
  const Communicated result = child.communicate(
      std::string(1'000'000, 'x'), {.timeout = patience, .after_exit = 1ms});
  EXPECT_EQ(result.out, "text\n");
  EXPECT_EQ(result.status.returncode, 3);
  EXPECT_TRUE(result.cut_off);
  EXPECT_FALSE(child.out());
}

TEST_P(EverySubprocess, goes_on_with_another_call_after_a_cancelled_one) {
  Subprocess child({.argv = {"cat"}, .in = STREAM, .out = STREAM}, loop);
  const auto talk = [&child]() -> Task<void> {
    TaskGroup group;
    group.start([](Subprocess& with) -> Task<void> {
      (void)co_await with.communicated("text");
      ADD_FAILURE() << "has a result";
    }(child));
    co_await moment();
    group.cancel();
    co_await group.join();
    EXPECT_EQ((co_await child.communicated()).out, "text");
  };
  loop.run_sync(talk(), patience);
}

TEST_P(EverySubprocess, communicates_after_a_call_that_was_refused_beside_a_read) {
  Subprocess child({.argv = {"cat"}, .in = STREAM, .out = STREAM}, loop);
  const auto talk = [&child]() -> Task<void> {
    TaskGroup reading;
    reading.start([](PipeIOStream& out) -> Task<void> {
      EXPECT_EQ(co_await out.read_until("\n"), "line\n");
    }(*child.out()));
    co_await moment();
    try {
      (void)co_await child.communicated("refused");
      ADD_FAILURE() << "has a result";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::operation_in_progress);
    }
    child.in()->write("line\n");
    co_await reading.join();
    EXPECT_EQ((co_await child.communicated("text")).out, "text");
  };
  loop.run_sync(talk(), patience);
}

TEST(Subprocess, communicates_by_callback) {
  IOLoop loop;
  Subprocess child({.argv = {"cat"}, .in = STREAM, .out = STREAM});
  expect_communication_by_callback(loop, child);
}

TEST(Subprocess, gives_its_result_to_the_last_callback_that_asked) {
  IOLoop loop;
  Subprocess child({.shell = "echo text; exit 4", .out = STREAM});
  std::string told;
  const auto tell = [&told](const std::string& who) {
    return [&told, who](const Communicated& result) { told += who + result.out; };
  };
  EXPECT_THROW(child.communicate({}, {.timeout = 0ms}), std::system_error);
  ASSERT_TRUE(wait_until([&] {
    loop.run_sync([] {});
    return !child.out() && child.returncode() == 4;
  }));
  child.set_exit_callback([&told](ExitStatus) { told += "never"; });
  child.communicate({}, tell("never"));
  child.set_exit_callback([&told](ExitStatus) { told += "exit "; });
  child.communicate({}, tell("result "));
  EXPECT_TRUE(wait_until([&] {
    loop.run_sync([] {});
    return told == "exit result text\n";
  })) << told;
}

TEST(Subprocess, may_be_destroyed_while_it_communicates) {
  IOLoop loop;
  std::optional<Subprocess> child(
      std::in_place, SpawnOptions{.argv = {"cat"}, .in = STREAM, .out = STREAM});
  child->communicate(std::string(1'000'000, 'x'),
                     [](const Communicated&) { ADD_FAILURE() << "called"; });
  child.reset();
  EXPECT_TRUE(wait_until([&] {
    loop.run_sync([] {});
    return !has_children();
  }));
}

TEST(Subprocess, takes_input_once) {
  IOLoop loop;
  Subprocess child({.argv = {"cat"}, .in = STREAM, .out = STREAM});
  EXPECT_THROW(child.communicate("first", {.timeout = 0ms}), std::system_error);
  try {
    child.communicate("second", {.timeout = patience});
    ADD_FAILURE() << "did not throw";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::invalid_argument);
  }
  EXPECT_EQ(child.communicate({}, {.timeout = patience}).out, "first");
}

TEST(Subprocess, refuses_input_without_a_pipe) {
  IOLoop loop;
  Subprocess child({.argv = {"true"}});
  EXPECT_THROW(child.communicate("x", {.timeout = patience}), std::system_error);
  EXPECT_EQ(child.communicate({}, {.timeout = patience}).status.returncode, 0);
}

}  // namespace
}  // namespace tornado::test
