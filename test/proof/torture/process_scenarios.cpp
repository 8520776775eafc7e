// SPDX-License-Identifier: Apache-2.0
// Children, and descriptors.
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>

#include "platform/fd.h"
#include "process/launch.h"
#include "process/spawn_posix.h"
#include "stage.h"
#include "support/deny.h"

namespace tornado::torture {
namespace {

using namespace std::chrono_literals;

bool descriptors(const Means&) {
  const FdPair pipe = make_pipe();
  const FdPair sockets = make_socket_pair();
  const UniqueFd file = open_file("/dev/null", O_RDWR);
  const UniqueFd twin = duplicate(file.get());
  set_close_exec(twin.get(), false);
  set_nonblocking(twin.get(), false);
  (void)same_description(file.get(), twin.get());
  const NonblockingScope scope(twin.get());
  return is_nonblocking(twin.get());
}

bool spawned(const Means&) {
  Child child = spawn({.argv = {"/bin/true"},
                       .in = Stdio::null(),
                       .out = Stdio::pipe(),
                       .err = Stdio::file("/dev/null", O_WRONLY)});
  return wait_child(child) == 0;
}

bool spawned_not(const Means&) {
  try {
    Child child = spawn({.argv = {"/no/such/program"}, .in = Stdio::pipe()});
    return wait_child(child) == 127;  // never: it was reported
  } catch (const std::system_error&) {
    return true;
  }
}

/// With each option that there is. Privileges are given up where there are any.
SpawnOptions everything(NativeFd mapped) {
  SpawnOptions options;
  options.argv = {"true"};
  options.environment_changes = {{"PATH", "/no/such:/usr/bin:/bin"}, {"HOME", {}}};
  options.cwd = "/";
  options.in = Stdio::file("/dev/null", O_RDONLY);
  options.out = Stdio::pipe();
  options.err = Stdio::as_stdout();
  options.descriptors = {{7, mapped}, {200, mapped}, {3, mapped}};
  options.process_group = 0;
  options.umask = 022;
  options.limits = {{RLIMIT_CORE, 0, 0}, {RLIMIT_NOFILE, 256, 256}};
  options.nice = 1;
  options.parent_death_signal = SIGKILL;
  options.blocked_signals = {SIGUSR1};
  if (::geteuid() == 0) {
    options.uid = 65534;
    options.gid = 65534;
    options.groups = {{65534}};
  }
  return options;
}

bool spawned_with_all(const Means&) {
  const UniqueFd file = open_file("/dev/null", O_RDWR);
  Child child = spawn(everything(file.get()));
  return wait_child(child) == 0;
}

bool spawned_by_shell(const Means&) {
  SpawnOptions options;
  options.shell = "exit 3";
  options.environment = {{{"A", "b"}}};
  options.new_session = true;
  options.in = Stdio::pipe();
  options.out = Stdio::null();
  options.err = Stdio::pipe();
  Child child = spawn(options);
  return wait_child(child) == 3;
}

Child spawn_by_fork(const SpawnOptions& options) {
  return launch_child(options, &launch_by_fork);
}

bool spawned_by_fork(const Means&) {
  const UniqueFd file = open_file("/dev/null", O_RDWR);
  Child child = spawn_by_fork(everything(file.get()));
  return wait_child(child) == 0;
}

/// For this process and for good, which is a trial's.
void become_old() {
  const bool denied = test::deny({{SYS_close_range, ENOSYS},
                                  {SYS_pidfd_open, ENOSYS},
                                  {SYS_pidfd_send_signal, ENOSYS},
                                  {SYS_epoll_pwait2, ENOSYS},
                                  {SYS_io_uring_setup, ENOSYS},
                                  {SYS_membarrier, ENOSYS},
                                  {SYS_kcmp, ENOSYS}});
  if (!denied) throw std::runtime_error("no filters here");
}

bool old_spawned(const Means& means) {
  become_old();
  return spawned_with_all(means);
}

/// Children of a process whose children are in a pid namespace of their own.
int status_of_spawns_into_namespace() {
  if (::unshare(CLONE_NEWPID) != 0) return 0;  // not allowed here
  try {
    Child init = spawn({.argv = {"/bin/cat"}, .in = Stdio::pipe()});
    Child child = spawn({.argv = {"/bin/true"}, .parent_death_signal = SIGKILL});
    const bool right = wait_child(child) == 0;
    init.in.reset();
    return right && wait_child(init) == 0 ? 0 : 1;
  } catch (const std::exception&) {
    return 2;
  }
}

// In a process of one thread, which alone may leave the namespace of its children.
bool spawned_into_namespace(const Means&) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(status_of_spawns_into_namespace());
  if (pid == -1) throw std::system_error(errno, std::system_category(), "fork");
  int status = 0;
  while (::waitpid(pid, &status, 0) == -1) {
    if (errno != EINTR) throw std::system_error(errno, std::system_category(), "wait");
  }
  if (status == 2 << 8) throw std::runtime_error("reported by the child");
  return status == 0;
}

/// The numbers that spawn keeps are other files' by now.
bool spawned_beside_reused_numbers(const Means& means) {
  reserve_descriptors_for_spawn();
  for (int number = 3; number < 64; ++number) ::close(number);
  std::vector<UniqueFd> files;
  std::vector<std::uint64_t> before;
  for (int i = 0; i < 70; ++i) {
    files.push_back(make_pipe().first);
    before.push_back(file_id(files.back().get()));
  }
  const bool right = spawned(means);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (file_id(files[i].get()) != before[i]) return false;
  }
  return right;
}

/// Another part of the program reaps it.
bool status_taken(const Means&) {
  Child child = spawn({.shell = "exit 3"});
  while (::waitpid(child.pid, nullptr, 0) == -1 && errno == EINTR) {
  }
  try {
    return wait_child(child) == 3;
  } catch (const std::system_error& error) {
    if (error.code() == Errc::status_taken) return true;
    throw;
  }
}

bool subprocess(const Means& means) {
  return on_a_thread([&] {
    Stage stage(means);
    Subprocess cat({.argv = {"/bin/cat"},
                    .in = Subprocess::STREAM,
                    .out = Subprocess::STREAM,
                    .err = Subprocess::STREAM},
                   stage.loop);
    const Communicated all = cat.communicate("hello", {.timeout = means.patience});
    return all.status.error || (all.out == "hello" && all.status.returncode == 0);
  });
}

// It ends by itself, too, when its input does.
bool killed(const Means& means) {
  Stage stage(means);
  Subprocess cat({.argv = {"/bin/cat"}, .in = Subprocess::STREAM}, stage.loop);
  std::optional<ExitStatus> status;
  cat.set_exit_callback([&](ExitStatus ended) {
    status = ended;
    stage.loop.stop();
  });
  cat.terminate();
  return stage.run() && status && (status->error || status->returncode == -SIGTERM);
}

bool awaited(const Means& means) {
  Stage stage(means);
  Subprocess first({.argv = {"/bin/true"}}, stage.loop);
  Subprocess second({.argv = {"/bin/false"}}, stage.loop);
  const int other = second.wait_for_exit(false, means.patience);
  return other == 1 && first.wait_for_exit(true, means.patience) == 0;
}

bool old_subprocess(const Means& means) {
  become_old();
  return subprocess(means);
}

bool old_killed(const Means& means) {
  become_old();
  return killed(means);
}

ForkOptions quick() {
  ForkOptions options;
  options.max_restarts = 2;
  options.backoff = 1ms;
  options.max_backoff = 5ms;
  options.grace = 100ms;
  return options;
}

bool workers(const Means&) {
  IOLoop::clear_current();
  const ForkResult result = fork_processes(2, quick());
  if (result.task_id) ::_exit(0);
  return result.signal == 0;
}

// The first fails again and again.
bool workers_restarted(const Means&) {
  IOLoop::clear_current();
  try {
    const ForkResult result = fork_processes(2, quick());
    if (result.task_id) ::_exit(*result.task_id == 0 ? 1 : 0);
  } catch (const std::system_error& error) {
    if (error.code() == Errc::too_many_restarts) return true;
    throw;
  }
  return false;
}

// One stops them all; each has a loop of its own.
bool workers_stopped(const Means& means) {
  IOLoop::clear_current();
  const ForkResult result = fork_processes(2, quick());
  if (!result.task_id) return result.signal == SIGTERM;
  int status = 1;
  try {
    Stage stage(means);
    stage.loop.add_signal_handler(SIGTERM, [&](int) { stage.loop.stop(); });
    if (*result.task_id == 0) ::kill(::getppid(), SIGTERM);
    status = stage.run() ? 0 : 2;
  } catch (const std::exception&) {
  }
  ::_exit(status);
}

bool audit(const Means&) {
  const LeakScope scope;
  const UniqueFd pipe = make_pipe().first;
  const UniqueFd loud = open_file("/dev/null", O_RDWR);
  set_close_exec(loud.get(), false);
  (void)audit_descriptors(::getppid());
  return !audit_descriptors().empty() && scope.leaks().size() == 1 && cpu_count() > 0;
}

}  // namespace

std::vector<Family> process_scenarios() {
  return {
      {"descriptors", descriptors, false, false},
      {"spawned", spawned, false, false},
      {"spawned_not", spawned_not, false, false},
      {"spawned_with_all", spawned_with_all, false, false},
      {"spawned_by_shell", spawned_by_shell, false, false},
      {"spawned_by_fork", spawned_by_fork, false, false},
      {"old_spawned", old_spawned, false, false},
      {"spawned_into_namespace", spawned_into_namespace, false, false},
      {"spawned_beside_reused_numbers", spawned_beside_reused_numbers, false, false},
      {"status_taken", status_taken, false, false},
      {"subprocess", subprocess},
      {"killed", killed, true, false},
      {"awaited", awaited, true, false},
      {"old_subprocess", old_subprocess, true, false},
      {"old_killed", old_killed, true, false},
      {"workers", workers, false, false},
      {"workers_restarted", workers_restarted, false, false},
      {"workers_stopped", workers_stopped, false, false},
      {"audit", audit, false, false}};
}

}  // namespace tornado::torture
