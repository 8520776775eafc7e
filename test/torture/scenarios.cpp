// SPDX-License-Identifier: Apache-2.0
#include "scenarios.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <system_error>
#include <thread>

#include "tornado/tornado.h"

namespace tornado::torture {
namespace {

using namespace std::chrono_literals;

/// Ends what would wait for ever for something that was lost; a wait that is cut into
/// pieces because the waker is broken is shorter.
constexpr auto too_late = 300ms;

/// Most scenarios: a loop, and a right end.
struct Stage {
  explicit Stage(const Means& means)
      : loop(LoopOptions{means.poller, means.waker, {}}) {
    loop.set_exception_policy(ExceptionPolicy::rethrow);
  }
  bool run() {
    bool late = false;
    const TimeoutHandle end = loop.call_later(too_late, [&] {
      late = true;
      loop.stop();
    });
    loop.start();
    loop.remove_timeout(end);
    return !late;
  }

  IOLoop loop;
};

bool life(const Means& means) {
  Stage stage(means);
  stage.loop.add_callback([&] { stage.loop.stop(); });
  const bool right = stage.run();
  stage.loop.close();
  return right;
}

bool handlers(const Means& means) {
  Stage stage(means);
  const FdPair pipe = make_pipe();
  bool read = false;
  stage.loop.add_handler(
      pipe.first.get(),
      [&](NativeFd fd, Events) {
        char byte = 0;
        if (::read(fd, &byte, 1) != 1)
          throw std::system_error(errno, std::generic_category());
        read = byte == 'x';
        stage.loop.stop();
      },
      Events::read);
  stage.loop.add_handler(
      pipe.second.get(),
      [&](NativeFd fd, Events) {
        if (::write(fd, "x", 1) != 1)
          throw std::system_error(errno, std::generic_category());
        stage.loop.remove_handler(fd);
      },
      Events::write);
  const bool right = stage.run();
  stage.loop.remove_handler(pipe.first.get());
  stage.loop.remove_handler(pipe.second.get());
  return right && read;
}

bool threads(const Means& means) {
  Stage stage(means);
  constexpr int posts = 3;
  std::atomic<bool> refused = false;
  int ran = 0;
  const auto body = [&, handle = stage.loop.handle()] {
    try {
      for (int i = 0; i < posts; ++i) {
        handle.add_callback([&] {
          if (++ran == 2 * posts) stage.loop.stop();
        });
      }
    } catch (const std::bad_alloc&) {
      refused = true;
      handle.stop();
    }
  };
  std::thread first(body);
  bool right = false;
  std::exception_ptr failure;
  std::thread second;
  try {
    second = std::thread(body);
    right = stage.run();
  } catch (...) {
    failure = std::current_exception();
  }
  first.join();
  if (second.joinable()) second.join();
  if (failure) std::rethrow_exception(failure);
  return refused || (right && ran == 2 * posts);
}

bool lanes(const Means& means) {
  Stage stage(means);
  std::exception_ptr failure;
  int ran = 0;
  std::thread poster([&, handle = stage.loop.handle()] {
    try {
      Lane lane = handle.open_lane();
      for (int i = 0; i < 3; ++i) lane.add_callback([&] { ++ran; });
      lane.add_callback([&] { stage.loop.stop(); });
    } catch (...) {
      failure = std::current_exception();
      handle.stop();
    }
  });
  std::exception_ptr here;
  bool right = false;
  try {
    right = stage.run();
  } catch (...) {
    here = std::current_exception();
  }
  poster.join();
  if (here) std::rethrow_exception(here);
  if (failure) std::rethrow_exception(failure);
  return right && ran == 3;
}

bool timers(const Means& means) {
  Stage stage(means);
  std::string order;
  stage.loop.call_later(200us, [&] { order += 'b'; });
  stage.loop.call_later(100us, [&] { order += 'a'; });
  const TimeoutHandle never = stage.loop.call_later(100us, [&] { order += '!'; });
  stage.loop.remove_timeout(never);
  PeriodicCallback periodic(
      stage.loop,
      [&] {
        if (order.size() == 2) stage.loop.stop();
      },
      300us);
  periodic.start();
  return stage.run() && order == "ab";
}

bool signals(const Means& means) {
  Stage stage(means);
  int seen = 0;
  stage.loop.add_signal_handler(SIGUSR1, [&](int signal) {
    seen = signal;
    stage.loop.stop();
  });
  ::raise(SIGUSR1);
  const bool right = stage.run();
  stage.loop.remove_signal_handler(SIGUSR1);
  return right && seen == SIGUSR1;
}

bool completion(const Means& means) {
  Stage stage(means);
  std::thread other;
  struct Joiner {
    std::thread& thread;
    ~Joiner() {
      if (thread.joinable()) thread.join();
    }
  } const joiner{other};
  return stage.loop.run_sync<int>(
             [&](const Completion<int>& done) {
               other = std::thread([done] {
                 try {
                   done.set_value(42);
                 } catch (const std::bad_alloc&) {
                   done.set_exception(std::current_exception());
                 }
               });
             },
             too_late) == 42;
}

bool watchdog(const Means& means) {
  Stage stage(means);
  stage.loop.set_blocking_log_threshold(1ms);
  stage.loop.add_callback([&] {
    const TimePoint end = Clock::now() + 2ms;
    while (Clock::now() < end) {
    }
    stage.loop.stop();
  });
  return stage.run();
}

bool forked(const Means& means) {
  Stage stage(means);
  bool ran = false;
  stage.loop.add_callback([&] {
    ran = true;
    stage.loop.stop();
  });
  const pid_t pid = ::fork();
  if (pid == -1) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) {
    int status = 0;
    try {
      stage.loop.after_fork();
      if (!stage.run() || !ran) status = 9;
    } catch (const std::exception&) {
      status = 0;  // reported
    }
    ::_exit(status);
  }
  std::exception_ptr failure;
  bool right = false;
  try {
    right = stage.run();
  } catch (...) {
    failure = std::current_exception();
  }
  int status = -1;
  while (::waitpid(pid, &status, 0) == -1 && errno == EINTR) {
  }
  if (failure) std::rethrow_exception(failure);
  return right && ran && (status == 0 || status == -1);
}

bool waker(const Means& means) {
  Waker one(means.waker);
  one.wake();
  if (!one.consume()) one.rebuild();
  one.disarm();
  one.wake();
  const bool seen = !one.arm();
  one.rebuild();
  one.wake();
  one.close();
  one.wake();
  return seen && one.fileno() == invalid_fd;
}

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

bool subprocess(const Means& means) {
  Stage stage(means);
  Subprocess cat({.argv = {"/bin/cat"},
                  .in = Subprocess::STREAM,
                  .out = Subprocess::STREAM,
                  .err = Subprocess::STREAM},
                 stage.loop);
  const Communicated all = cat.communicate("hello", too_late);
  return all.status.error || (all.out == "hello" && all.status.returncode == 0);
}

bool workers(const Means&) {
  IOLoop::clear_current();
  ForkResult result;
  result = fork_processes(2, {.max_restarts = 2, .backoff = 1ms, .grace = 100ms});
  if (result.task_id) ::_exit(0);
  return result.signal == 0;
}

bool audit(const Means&) {
  return !audit_descriptors().empty();
}

void add(std::vector<Scenario>& all, const std::string& name, bool (*run)(const Means&),
         bool pollers, bool wakers) {
  const auto poller_list = pollers ? poller_kinds() : std::vector{PollerKind::best};
  const auto waker_list = wakers ? waker_kinds() : std::vector{WakerKind::best};
  for (const PollerKind poller : poller_list) {
    for (const WakerKind kind : waker_list) {
      std::string full = name;
      if (pollers) full.append("/").append(to_string(poller));
      if (wakers) full.append("/").append(to_string(kind));
      all.push_back({std::move(full), run, {poller, kind}});
    }
  }
}

}  // namespace

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  add(all, "life", life, true, true);
  add(all, "handlers", handlers, true, true);
  add(all, "threads", threads, true, true);
  add(all, "lanes", lanes, true, true);
  add(all, "timers", timers, true, true);
  add(all, "signals", signals, true, true);
  add(all, "completion", completion, true, true);
  add(all, "watchdog", watchdog, true, false);
  add(all, "forked", forked, true, true);
  add(all, "waker", waker, false, true);
  add(all, "descriptors", descriptors, false, false);
  add(all, "spawned", spawned, false, false);
  add(all, "spawned_not", spawned_not, false, false);
  add(all, "subprocess", subprocess, true, true);
  add(all, "workers", workers, false, false);
  add(all, "audit", audit, false, false);
  return all;
}

}  // namespace tornado::torture
