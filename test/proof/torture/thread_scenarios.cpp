// SPDX-License-Identifier: Apache-2.0
// What reaches a loop from other threads, from signals and over a fork.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <system_error>

#include "platform/loop_waker.h"
#include "stage.h"

namespace tornado::torture {
namespace {

using namespace std::chrono_literals;

bool threads(const Means& means) {
  Stage stage(means);
  constexpr int posts = 3;
  int ran = 0;
  const auto body = [&, handle = stage.loop.handle()] {
    for (int i = 0; i < posts; ++i) {
      handle.add_callback([&] {
        if (++ran == 2 * posts) stage.loop.stop();
      });
    }
  };
  Helper first(stage.loop, body);
  Helper second(stage.loop, body);
  const bool right = stage.run();
  first.join();
  second.join();
  return right && ran == 2 * posts;
}

// More than a first chunk takes, from several, and from the loop's own thread.
bool producers(const Means& means) {
  Stage stage(means);
  constexpr int posts = 40;
  int ran = 0;
  const auto count = [&] {
    if (++ran == 3 * posts) stage.loop.stop();
  };
  const auto body = [&, handle = stage.loop.handle()] {
    for (int i = 0; i < posts; ++i) handle.add_callback(count);
  };
  Helper first(stage.loop, body);
  Helper second(stage.loop, body);
  stage.loop.add_callback(body);
  const bool right = stage.run();
  first.join();
  second.join();
  return right && ran == 3 * posts;
}

bool completion(const Means& means) {
  Stage stage(means);
  std::optional<Helper> other;
  const auto begin = [&](const Completion<int>& done) {
    other.emplace(stage.loop, [done] { done.set_value(42); });
  };
  return stage.loop.run_sync<int>(begin, means.patience) == 42;
}

// The last copy is dropped elsewhere, without a result.
bool abandoned(const Means& means) {
  Stage stage(means);
  std::optional<Helper> other;
  const auto begin = [&](const Completion<int>& done) {
    other.emplace(stage.loop, [done] {});
  };
  try {
    stage.loop.run_sync<int>(begin, means.patience);
  } catch (const std::system_error& error) {
    if (error.code() == Errc::abandoned) return true;
    throw;
  }
  return false;
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

LoopHandle for_handler;

// A handler of the program's own posts to the loop.
bool from_signal(const Means& means) {
  Stage stage(means);
  for_handler = stage.loop.handle();
  std::signal(SIGUSR2, [](int) {
    (void)for_handler.add_callback_from_signal([] { for_handler.stop(); });
  });
  Helper other(stage.loop, [] { ::raise(SIGUSR2); });
  const bool right = stage.run();
  other.join();
  std::signal(SIGUSR2, SIG_DFL);
  for_handler = {};
  return right;
}

// Two loops on two threads watch the same signals.
bool several_loops(const Means& means) {
  Stage here(means);
  Stage there(means);
  std::atomic<int> seen = 0;
  for (Stage* stage : {&here, &there}) {
    stage->loop.add_signal_handler(SIGUSR1, [&seen](int) { ++seen; });
    stage->loop.add_signal_handler(SIGUSR2, [&seen, stage](int) {
      ++seen;
      stage->loop.stop();
    });
  }
  bool other_right = false;
  ::raise(SIGUSR1);
  ::raise(SIGUSR2);
  Helper other(here.loop, [&] { other_right = there.run(); });
  const bool right = here.run();
  other.join();
  here.loop.remove_signal_handler(SIGUSR1);
  return right && other_right && seen == 4;
}

// Of a loop that was running threads and a watchdog before it was forked.
template <class F>
bool runs_in_both(Stage& stage, F run) {
  const pid_t pid = ::fork();
  if (pid == -1) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) {
    int status = 0;
    try {
      stage.loop.after_fork();
      if (!run()) status = 9;
    } catch (const std::exception&) {
      status = 0;  // reported
    }
    ::_exit(status);
  }
  struct Reaper {
    pid_t pid;
    int status = -1;
    void reap() {
      if (pid == -1) return;
      while (::waitpid(pid, &status, 0) == -1 && errno == EINTR) {
      }
      pid = -1;
    }
    ~Reaper() { reap(); }
  } child{pid};
  const bool right = run();
  child.reap();
  return right && (child.status == 0 || child.status == -1);
}

bool forked(const Means& means) {
  Stage stage(means);
  bool ran = false;
  stage.loop.add_callback([&] {
    ran = true;
    stage.loop.stop();
  });
  return runs_in_both(stage, [&] { return stage.run() && ran; });
}

// With something of each kind under way.
bool forked_busy(const Means& means) {
  Stage stage(means);
  const FdPair pipe = make_pipe();
  int done = 0;
  const auto step = [&] {
    if (++done == 5) stage.loop.stop();
  };
  stage.loop.set_blocking_log_threshold(1s);
  stage.loop.add_callback(step);
  stage.loop.call_later(100us, step);
  stage.loop.spawn_callback(step);
  stage.loop.add_signal_handler(SIGUSR1, [&](int) { step(); });
  const auto writable = [&](NativeFd fd, Events) {
    stage.loop.remove_handler(fd);
    step();
  };
  stage.loop.add_handler(pipe.second.get(), writable, Events::write);
  ::raise(SIGUSR1);
  return runs_in_both(stage, [&] { return stage.run() && done == 5; });
}

bool waker(const Means& means) {
  LoopWaker one(means.waker);
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

}  // namespace

std::vector<Family> thread_scenarios() {
  return {{"threads", threads},
          {"producers", producers},
          {"completion", completion},
          {"abandoned", abandoned},
          {"signals", signals},
          {"from_signal", from_signal},
          {"several_loops", several_loops},
          {"forked", forked},
          {"forked_busy", forked_busy},
          {"waker", waker, false}};
}

}  // namespace tornado::torture
