// SPDX-License-Identifier: Apache-2.0
#include "tornado/fork_processes.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "support/child.h"
#include "support/deny.h"
#include "support/descriptors.h"
#include "support/log_capture.h"
#include "support/signals.h"
#include "tornado/fd.h"
#include "tornado/ioloop.h"
#include "tornado/platform.h"
#include "tornado/spawn.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

// Counters that all workers and the parent share.
class SharedCounters {
 public:
  SharedCounters()
      : counters_(
            static_cast<std::atomic<int>*>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
  }
  ~SharedCounters() { ::munmap(counters_, 4096); }
  SharedCounters(const SharedCounters&) = delete;
  SharedCounters& operator=(const SharedCounters&) = delete;
  std::atomic<int>& operator[](int i) const { return counters_[i]; }

 private:
  std::atomic<int>* counters_;
};

[[noreturn]] void sleep_for_ever() {
  for (;;) ::pause();
}

std::error_code error_of(int count, ForkOptions options = {}) {
  try {
    const ForkResult forked = fork_processes(count, std::move(options));
    if (forked.task_id) ::_exit(0);
    return {};
  } catch (const std::system_error& error) {
    return error.code();
  }
}

TEST(ForkProcesses, restarts_a_worker_that_a_signal_killed) {
  const SharedCounters runs;
  EXPECT_TRUE(passes_in_child([&runs] {
    const LogCapture log;
    const ForkResult forked = fork_processes(2, {.backoff = 0ms});
    if (forked.task_id) {
      if (*forked.task_id == 1 && ++runs[1] == 1) ::kill(::getpid(), SIGKILL);
      ++runs[0];
      ::_exit(0);
    }
    EXPECT_EQ(runs[0], 2);
    EXPECT_EQ(runs[1], 2);
    EXPECT_TRUE(log.contains(" killed by signal 9, restarting", LogLevel::warning));
  }));
}

TEST(ForkProcesses, gives_up_after_too_many_restarts_and_stops_the_others) {
  const SharedCounters runs;
  EXPECT_TRUE(passes_in_child([&runs] {
    const LogCapture log;
    try {
      const ForkResult forked = fork_processes(2, {.max_restarts = 4, .backoff = 1ms});
      if (forked.task_id == 0) sleep_for_ever();
      ++runs[1];
      ::_exit(1);
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), Errc::too_many_restarts);
    }
    EXPECT_EQ(runs[1], 5);
    EXPECT_FALSE(has_children());
    EXPECT_TRUE(log.contains("Too many child restarts, giving up"));
  }));
}

TEST(ForkProcesses, puts_restarts_off_longer_and_longer) {
  EXPECT_TRUE(passes_in_child([] {
    const TimePoint start = Clock::now();
    const auto error = [] {
      try {
        const ForkResult forked = fork_processes(
            1, {.max_restarts = 4, .backoff = 20ms, .max_backoff = 40ms});
        if (forked.task_id) ::_exit(1);
      } catch (const std::system_error& e) {
        return e.code();
      }
      return std::error_code();
    }();
    EXPECT_EQ(error, Errc::too_many_restarts);
    EXPECT_GE(Clock::now() - start, 100ms) << "0 + 20 + 40 + 40";
  }));
}

TEST(ForkProcesses, forwards_the_signals_that_stop_it) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    const SharedCounters stopped;
    EXPECT_TRUE(passes_in_child([&stopped, signal] {
      sigset_t all;
      sigfillset(&all);
      const ForkResult forked = fork_processes(3);
      if (forked.task_id) {
        ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
        ++stopped[0];
        while (stopped[0] < 3) ::sched_yield();
        if (*forked.task_id == 0) ::kill(::getppid(), signal);
        int got = 0;
        ::sigwait(&all, &got);
        if (got == signal) ++stopped[1];
        ::_exit(1);  // and yet not restarted
      }
      EXPECT_EQ(forked.signal, signal);
      EXPECT_EQ(stopped[0], 3);
      EXPECT_EQ(stopped[1], 3);
      EXPECT_FALSE(has_children());
    })) << signal;
  }
}

TEST(ForkProcesses, kills_what_does_not_stop_in_time) {
  EXPECT_TRUE(passes_in_child([] {
    const LogCapture log;
    const ForkResult forked = fork_processes(2, {.grace = 20ms});
    if (forked.task_id) {
      ::signal(SIGTERM, SIG_IGN);
      ::kill(::getppid(), SIGTERM);
      sleep_for_ever();
    }
    EXPECT_EQ(forked.signal, SIGTERM);
    EXPECT_FALSE(has_children());
    EXPECT_TRUE(log.contains("does not stop, killed", LogLevel::warning));
  }));
}

TEST(ForkProcesses, leaves_signals_as_they_were) {
  EXPECT_TRUE(passes_in_child([] {
    const auto handler = [](int) {};
    const SignalScope term(SIGTERM, handler);
    const SignalScope hup(SIGHUP, SIG_IGN);
    const auto same = [&handler] {
      struct sigaction on_term, on_hup;
      ::sigaction(SIGTERM, nullptr, &on_term);
      ::sigaction(SIGHUP, nullptr, &on_hup);
      return on_term.sa_handler == +handler && on_hup.sa_handler == SIG_IGN;
    };
    const ForkResult forked = fork_processes(1, {.max_restarts = 0});
    if (forked.task_id) {
      ::kill(::getppid(), SIGHUP);  // as under nohup: ignored
      ::_exit(same() ? 0 : 1);
    }
    EXPECT_EQ(forked.signal, 0);
    EXPECT_TRUE(same());
  }));
}

/// Empty where there are none.
UniqueFd open_pseudo_terminal() {
  UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  const bool usable =
      master && ::grantpt(master.get()) == 0 && ::unlockpt(master.get()) == 0;
  return usable ? std::move(master) : UniqueFd();
}

/// Makes this process the leader of a session on the terminal. Empty if it cannot be.
UniqueFd lead_session_of(const UniqueFd& master) {
  if (::setsid() == -1) return {};
  return UniqueFd(::open(::ptsname(master.get()), O_RDWR | O_CLOEXEC));
}

// A Ctrl-C goes to all processes of the terminal's foreground group.
TEST(ForkProcesses, does_not_send_a_ctrl_c_twice) {
  const UniqueFd master = open_pseudo_terminal();
  if (!master) GTEST_SKIP() << "no pseudo-terminals here";
  EXPECT_TRUE(passes_in_child([&] {
    const UniqueFd slave = lead_session_of(master);
    ASSERT_TRUE(slave);
    const SharedCounters interrupts;
    static const SharedCounters* counters;
    counters = &interrupts;
    const ForkResult forked = fork_processes(1, {.max_restarts = 0});
    if (forked.task_id) {
      ::signal(SIGINT, [](int) { ++(*counters)[0]; });
      ::signal(SIGTERM, [](int) { ::_exit((*counters)[0] == 1 ? 0 : 1); });
      [[maybe_unused]] const auto n = ::write(master.get(), "\003", 1);
      while (interrupts[0] == 0) ::sched_yield();
      ::kill(::getppid(), SIGTERM);  // forwarded behind the SIGINT, if that was
      sleep_for_ever();
    }
    EXPECT_EQ(forked.signal, SIGTERM);
    EXPECT_EQ(interrupts[0], 1);
  }));
}

TEST(ForkProcesses, sends_a_ctrl_c_on_to_a_worker_that_left_the_group) {
  const UniqueFd master = open_pseudo_terminal();
  if (!master) GTEST_SKIP() << "no pseudo-terminals here";
  EXPECT_TRUE(passes_in_child([&] {
    const UniqueFd slave = lead_session_of(master);
    ASSERT_TRUE(slave);
    const LogCapture log;
    const ForkResult forked = fork_processes(1, {.max_restarts = 0});
    if (forked.task_id) {
      ::setpgid(0, 0);
      [[maybe_unused]] const auto n = ::write(master.get(), "\003", 1);
      sleep_for_ever();
    }
    EXPECT_EQ(forked.signal, SIGINT);
    EXPECT_TRUE(log.contains(" killed by signal 2", LogLevel::warning));
  }));
}

TEST(ForkProcesses, workers_follow_their_parent_unless_asked_not_to) {
  for (const int signal : {0, SIGTERM}) {
    EXPECT_TRUE(passes_in_child([signal] {
      const ForkResult forked =
          fork_processes(1, {.max_restarts = 0, .parent_death_signal = signal});
      if (forked.task_id) {
        int follows = -1;
        ::prctl(PR_GET_PDEATHSIG, &follows);
        ::_exit(follows == signal ? 0 : 1);
      }
      EXPECT_EQ(forked.signal, 0);
    })) << signal;
  }
}

TEST(ForkProcesses, a_worker_whose_parent_is_gone_dies_of_the_signal) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(deny({{SYS_getppid, ENOSYS}}));  // it has another parent, by that
    const LogCapture log;
    EXPECT_EQ(error_of(1, {.max_restarts = 0}), Errc::too_many_restarts);
    EXPECT_TRUE(log.contains(" killed by signal 9", LogLevel::warning));
  }));
}

TEST(ForkProcesses, forks_one_for_each_processor_unless_told_how_many) {
  const SharedCounters workers;
  EXPECT_TRUE(passes_in_child([&workers] {
    for (const int none : {0, -1}) {
      workers[0] = 0;
      const ForkResult forked = fork_processes(none, {.max_restarts = 0});
      if (forked.task_id) {
        ++workers[0];
        ::_exit(0);
      }
      EXPECT_EQ(workers[0], cpu_count());
    }
  }));
}

TEST(ForkProcesses, workers_do_not_outlive_a_killed_parent) {
  FdPair pipe = make_pipe();
  const auto result = run_in_child([&pipe]() -> std::string {
    pipe.first.reset();
    const SharedCounters ready;
    const ForkResult forked = fork_processes(3);
    if (forked.task_id) {
      ::signal(SIGTERM, SIG_IGN);
      ++ready[0];
      while (ready[0] < 3) ::sched_yield();
      if (*forked.task_id == 0) ::kill(::getppid(), SIGKILL);
      sleep_for_ever();
    }
    return "not killed";
  });
  EXPECT_EQ(result.signal, SIGKILL);
  pipe.second.reset();
  EXPECT_EQ(read_to_end(pipe.first.get()), "") << "end of file: all of them are gone";
}

TEST(ForkProcesses, calls_the_hook_in_each_worker) {
  const SharedCounters called;
  EXPECT_TRUE(passes_in_child([&called] {
    const ForkResult forked = fork_processes(
        3, {.after_fork = [&called](int id) { called[id] = ::getpid(); }});
    if (forked.task_id) ::_exit(called[*forked.task_id] == ::getpid() ? 0 : 1);
    for (int id = 0; id < 3; ++id) {
      EXPECT_NE(called[id], 0);
      EXPECT_NE(called[id], ::getpid());
    }
  }));
}

// What was not written yet is the parent's to write, and not each worker's as well.
TEST(ForkProcesses, leaves_workers_no_output_to_repeat) {
  const FdPair pipe = make_pipe();
  EXPECT_TRUE(passes_in_child([&pipe] {
    std::FILE* const file = ::fdopen(::dup(pipe.second.get()), "w");
    ASSERT_TRUE(file);
    ::dup2(pipe.second.get(), STDOUT_FILENO);
    std::ios::sync_with_stdio(false);
    std::fputs("file\n", file);
    std::cout << "stream\n";
    const SharedCounters runs;
    const ForkResult forked = fork_processes(2, {.backoff = 0ms});
    if (forked.task_id) {
      std::exit(*forked.task_id == 0 && ++runs[0] == 1 ? 1 : 0);  // which writes it
    }
    std::cout.flush();
    std::fclose(file);
  }));
  char text[100] = {};
  EXPECT_GT(::read(pipe.first.get(), text, sizeof text - 1), 0);
  const std::string all = text;
  EXPECT_TRUE(all == "file\nstream\n" || all == "stream\nfile\n") << all;
}

TEST(ForkProcesses, refuses_a_death_signal_that_is_none) {
  for (const int signal : {-1, 65}) {
    EXPECT_TRUE(passes_in_child([signal] {
      EXPECT_EQ(error_of(1, {.parent_death_signal = signal}),
                std::errc::invalid_argument);
    }));
  }
}

TEST(ForkProcesses, refuses_when_there_is_a_loop) {
  EXPECT_TRUE(passes_in_child([] {
    {
      IOLoop loop;
      EXPECT_EQ(error_of(1), Errc::loop_running);
      loop.close();
    }
    EXPECT_EQ(error_of(1), std::error_code());
  }));
}

TEST(ForkProcesses, refuses_where_the_ends_of_workers_cannot_be_known) {
  EXPECT_TRUE(passes_in_child([] {
    {
      const SignalScope thrown_away(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
      EXPECT_EQ(error_of(1), Errc::status_taken);
    }
    ::signal(SIGCHLD, SIG_IGN);
    EXPECT_EQ(error_of(1), Errc::status_taken);
  }));
}

TEST(ForkProcesses, refuses_within_a_worker) {
  EXPECT_TRUE(passes_in_child([] {
    const ForkResult forked = fork_processes(1, {.max_restarts = 0});
    if (forked.task_id) {
      ::_exit(error_of(1) == std::errc::operation_not_permitted ? 0 : 1);
    }
  }));
}

TEST(ForkProcesses, leaves_foreign_children_and_descriptors_alone) {
  EXPECT_TRUE(passes_in_child([] {
    Child foreign = spawn({.shell = "exit 5"});
    const std::set<int> before = open_numbers();
    const ForkResult forked = fork_processes(2, {.max_restarts = 0});
    if (forked.task_id) ::_exit(open_numbers() == before ? 0 : 1);
    EXPECT_EQ(open_numbers(), before);
    EXPECT_EQ(wait_child(foreign), 5);
  }));
}

TEST(ForkProcesses, leaves_no_worker_behind_when_a_fork_fails) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
  EXPECT_TRUE(passes_in_child([] {
    const rlimit three{3, 3};
    ASSERT_EQ(::setrlimit(RLIMIT_NPROC, &three), 0);
    ASSERT_EQ(::setresuid(64322, 64322, 64322), 0);
    try {
      const ForkResult forked = fork_processes(8);
      if (forked.task_id) sleep_for_ever();
      ADD_FAILURE() << "forked";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::resource_unavailable_try_again);
    }
    EXPECT_FALSE(has_children());
  }));
}

TEST(ForkProcesses, works_without_pidfds) {
  if (!can_deny()) GTEST_SKIP() << "no seccomp filters here";
  const SharedCounters runs;
  EXPECT_TRUE(passes_in_child([&runs] {
    ASSERT_TRUE(deny({{SYS_pidfd_open, ENOSYS}, {SYS_pidfd_send_signal, ENOSYS}}));
    const ForkResult forked = fork_processes(2);
    if (forked.task_id) {
      if (*forked.task_id == 1) sleep_for_ever();
      if (++runs[0] == 1) ::_exit(3);
      ::kill(::getppid(), SIGTERM);
      sleep_for_ever();
    }
    EXPECT_EQ(forked.signal, SIGTERM);
    EXPECT_EQ(runs[0], 2);
    EXPECT_FALSE(has_children());
  }));
}

}  // namespace
}  // namespace tornado::test
