// SPDX-License-Identifier: Apache-2.0
// From the call that starts /bin/true to its status, in parents of several sizes.

#include <fcntl.h>
#include <linux/close_range.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "harness.h"
#include "peers.h"
#include "statistics.h"
#include "tornado/tornado.h"

namespace tornado::bench {
namespace {

constexpr const char* program = "/bin/true";

/// The parent that spawns.
struct Parent {
  std::size_t mebibytes;
  int descriptors;  // unmarked, beyond the three of every process
  bool pipes;
};

std::string describe(const Parent& parent) {
  const std::size_t m = parent.mebibytes;
  return (m < 1024 ? std::to_string(m) + " MiB" : std::to_string(m / 1024) + " GiB") +
         ", " + std::to_string(parent.descriptors) + " descriptors" +
         (parent.pipes ? ", three pipes" : "");
}

void grow(const Parent& parent) {
  reserve_descriptors_for_spawn();  // as a program with so many descriptors should, at
                                    // its start
  const std::size_t size = parent.mebibytes << 20;
  void* memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(memory != MAP_FAILED, "mmap");
  ::madvise(memory, size, MADV_NOHUGEPAGE);  // as a heap that has been used for long
  std::memset(memory, 1, size);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  for (int i = 0; i < parent.descriptors; ++i) {
    check(::open("/dev/null", O_RDONLY) != -1, "open");
  }
}

double microseconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::micro>(now).count();
}

/// Spawns, awaits, and sets "whole" and "blocked".
template <class Start, class Finish>
void measure(Round& round, const Parent& parent, std::size_t usual, Start start,
             Finish finish) {
  grow(parent);
  std::vector<double> whole, blocked;
  const std::size_t times = round.times(usual);
  for (std::size_t i = 0; i < times + 5; ++i) {
    const double begin = microseconds();
    auto child = start();
    const double started = microseconds();
    finish(child);
    if (i < 5) continue;  // to be warm
    blocked.push_back(started - begin);
    whole.push_back(microseconds() - begin);
  }
  round.set("whole", median(whole));
  round.set("blocked", median(blocked));
}

constexpr std::size_t flat = 300;
/// For variants that copy the parent's page tables.
std::size_t steep(const Parent& parent) {
  return parent.mebibytes >= 1024 ? 20 : 150;
}

SpawnOptions options_for(const Parent& parent) {
  SpawnOptions options{.argv = {program}};
  if (parent.pipes) options.in = options.out = options.err = Stdio::pipe();
  return options;
}

void tornado_spawn(Round& round, const Parent& parent) {
  const SpawnOptions options = options_for(parent);
  measure(
      round, parent, flat, [&] { return spawn(options); },
      [](Child& child) { check(wait_child(child) == 0, "status"); });
}

void tornado_subprocess(Round& round, const Parent& parent) {
  const SpawnOptions options = options_for(parent);
  IOLoop loop;
  measure(
      round, parent, flat, [&] { return Subprocess(options, loop); },
      [&loop](Subprocess& child) {
        child.set_exit_callback([&loop](ExitStatus status) {
          check(status.returncode == 0, "status");
          loop.stop();
        });
        loop.start();
      });
}

/// What the others do with pipes: plain ones, close-on-exec, three dup2 in the child.
class Pipes {
 public:
  explicit Pipes(bool wanted) {
    if (!wanted) return;
    for (auto& ends : ends_) check(::pipe2(ends.data(), O_CLOEXEC) == 0, "pipe2");
    std::swap(ends_[0][0], ends_[0][1]);
  }
  ~Pipes() {
    for (const auto& ends : ends_) {
      for (const int fd : ends) {
        if (fd != -1) ::close(fd);
      }
    }
  }
  Pipes(const Pipes&) = delete;
  Pipes& operator=(const Pipes&) = delete;

  [[nodiscard]] bool wanted() const { return ends_[0][1] != -1; }
  [[nodiscard]] int childs(int stream) const {
    return ends_[static_cast<std::size_t>(stream)][1];
  }
  void close_childs() {
    for (auto& ends : ends_) {
      if (ends[1] != -1) ::close(std::exchange(ends[1], -1));
    }
  }

 private:
  std::array<std::array<int, 2>, 3> ends_ = {{{-1, -1}, {-1, -1}, {-1, -1}}};
};

struct PlainChild {
  pid_t pid;
  std::unique_ptr<Pipes> pipes;
};

void await(PlainChild& child) {
  int status = 0;
  check(::waitpid(child.pid, &status, 0) == child.pid && status == 0, "status");
}

template <class Fork>
PlainChild start_plain(bool pipes, Fork fork) {
  auto p = std::make_unique<Pipes>(pipes);
  const pid_t pid = fork(*p);
  check(pid > 0, "fork");
  p->close_childs();
  return {pid, std::move(p)};
}

[[noreturn]] void execute(const Pipes& pipes, bool close_others) {
  if (pipes.wanted()) {
    for (int fd = 0; fd < 3; ++fd) ::dup2(pipes.childs(fd), fd);
  }
  if (close_others) ::syscall(SYS_close_range, 3u, ~0u, 0u);
  ::execl(program, program, nullptr);
  ::_exit(127);
}

pid_t vfork_and_execute(const Pipes& pipes, bool close_others) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  const pid_t pid = ::vfork();
#pragma GCC diagnostic pop
  if (pid == 0) execute(pipes, close_others);
  return pid;
}

void bare_vfork(Round& round, const Parent& parent) {
  measure(
      round, parent, flat,
      [&] {
        return start_plain(parent.pipes,
                           [](Pipes& p) { return vfork_and_execute(p, false); });
      },
      await);
}

void vfork_close_range(Round& round, const Parent& parent) {
  measure(
      round, parent, flat,
      [&] {
        return start_plain(parent.pipes,
                           [](Pipes& p) { return vfork_and_execute(p, true); });
      },
      await);
}

void fork_close_range(Round& round, const Parent& parent) {
  const auto fork_and_execute = [](Pipes& pipes) {
    const pid_t pid = ::fork();
    if (pid == 0) execute(pipes, true);
    return pid;
  };
  measure(
      round, parent, steep(parent),
      [&] { return start_plain(parent.pipes, fork_and_execute); }, await);
}

void libc_posix_spawn(Round& round, const Parent& parent) {
  const auto start = [](Pipes& pipes) {
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    for (int fd = 0; pipes.wanted() && fd < 3; ++fd) {
      ::posix_spawn_file_actions_adddup2(&actions, pipes.childs(fd), fd);
    }
    char name[] = "/bin/true";
    char* const argv[] = {name, nullptr};
    pid_t pid = -1;
    ::posix_spawn(&pid, program, &actions, nullptr, argv, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    return pid;
  };
  measure(
      round, parent, flat, [&] { return start_plain(parent.pipes, start); }, await);
}

#if BENCH_LIBUV
struct UvChild {
  uv_process_t process{};
  std::array<uv_pipe_t, 3> pipes{};
};

void libuv_spawn(Round& round, const Parent& parent) {
  uv_loop_t loop;
  ::uv_loop_init(&loop);
  const auto start = [&] {
    auto child = std::make_unique<UvChild>();
    char name[] = "/bin/true";
    char* argv[] = {name, nullptr};
    uv_stdio_container_t streams[3];
    for (int fd = 0; fd < 3; ++fd) {
      auto& pipe = child->pipes[static_cast<std::size_t>(fd)];
      if (parent.pipes) {
        ::uv_pipe_init(&loop, &pipe, 0);
        streams[fd].flags = static_cast<uv_stdio_flags>(
            UV_CREATE_PIPE | (fd == 0 ? UV_READABLE_PIPE : UV_WRITABLE_PIPE));
        streams[fd].data.stream = reinterpret_cast<uv_stream_t*>(&pipe);
      } else {
        streams[fd].flags = UV_INHERIT_FD;
        streams[fd].data.fd = fd;
      }
    }
    uv_process_options_t options{};
    options.file = program;
    options.args = argv;
    options.stdio = streams;
    options.stdio_count = 3;
    options.exit_cb = [](uv_process_t* process, std::int64_t status, int) {
      check(status == 0, "status");
      ::uv_stop(process->loop);
    };
    check(::uv_spawn(&loop, &child->process, &options) == 0, "uv_spawn");
    return child;
  };
  const auto finish = [&](std::unique_ptr<UvChild>& child) {
    ::uv_run(&loop, UV_RUN_DEFAULT);
    ::uv_close(reinterpret_cast<uv_handle_t*>(&child->process), nullptr);
    for (auto& pipe : child->pipes) {
      if (parent.pipes) ::uv_close(reinterpret_cast<uv_handle_t*>(&pipe), nullptr);
    }
    ::uv_run(&loop, UV_RUN_DEFAULT);
  };
  measure(round, parent, steep(parent), start, finish);
}
#endif

const std::vector<Metric> metrics = {{"whole", "us"}, {"blocked", "us"}};

Contestant contestant(const std::string& name, Role role,
                      void (*run)(Round&, const Parent&), const Parent& parent) {
  return {name, role, [run, parent](Round& round) { run(round, parent); }};
}

Contest against_others(const Parent& parent) {
  Contest contest{"spawn, " + describe(parent), metrics, {}};
  const auto add = [&](const std::string& name, Role role,
                       void (*run)(Round&, const Parent&)) {
    contest.contestants.push_back(contestant(name, role, run, parent));
  };
  add("tornado", Role::ours, &tornado_spawn);
  add("tornado Subprocess", Role::ours, &tornado_subprocess);
  add("vfork (leaks)", Role::floor, &bare_vfork);
  add("vfork, close_range", Role::peer, &vfork_close_range);
  add("posix_spawn (leaks)", Role::peer, &libc_posix_spawn);
  add("fork, close_range", Role::peer, &fork_close_range);
#if BENCH_LIBUV
  add("libuv (leaks)", Role::peer, &libuv_spawn);
#endif
  return contest;
}

// How flat the cost is: ours in a large parent to ours in a small one.
Contest against_itself(const Parent& large, const Parent& small) {
  return {"spawn, flat: " + describe(large),
          metrics,
          {contestant(describe(large), Role::ours, &tornado_spawn, large),
           contestant(describe(small), Role::peer, &tornado_spawn, small)}};
}

}  // namespace
}  // namespace tornado::bench

int main(int argc, char** argv) {
  using namespace tornado::bench;
  constexpr int many = 10000;
  Workload workload{"spawn", "Starts /bin/true and awaits its end.", {}};
  for (const bool pipes : {false, true}) {
    const Parent small{10, 0, pipes};
    workload.contests.push_back(against_itself({4096, 0, pipes}, small));
    workload.contests.push_back(against_itself({10, many, pipes}, small));
  }
  for (const bool pipes : {false, true}) {
    for (const std::size_t mebibytes : {10u, 1024u, 4096u}) {
      for (const int descriptors : {0, many}) {
        workload.contests.push_back(against_others({mebibytes, descriptors, pipes}));
      }
    }
  }
  return compete(workload, argc, argv);
}
