// SPDX-License-Identifier: Apache-2.0
// What one thread does with a loop.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <system_error>

#include "stage.h"

namespace tornado::torture {
namespace {

using namespace std::chrono_literals;

[[noreturn]] void throw_last(const char* act) {
  throw std::system_error(errno, std::generic_category(), act);
}

char read_byte(NativeFd fd) {
  char byte = 0;
  if (::read(fd, &byte, 1) != 1) throw_last("read");
  return byte;
}

void write_byte(NativeFd fd, char byte) {
  if (::write(fd, &byte, 1) != 1) throw_last("write");
}

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
  const auto reader = [&](NativeFd fd, Events) {
    read = read_byte(fd) == 'x';
    stage.loop.stop();
  };
  const auto writer = [&](NativeFd fd, Events) {
    write_byte(fd, 'x');
    stage.loop.remove_handler(fd);
  };
  stage.loop.add_handler(pipe.first.get(), reader, Events::read);
  stage.loop.add_handler(pipe.second.get(), writer, Events::write);
  const bool right = stage.run();
  stage.loop.remove_handler(pipe.first.get());
  stage.loop.remove_handler(pipe.second.get());
  return right && read;
}

// Paused, resumed, changed within the handler, and closed with the loop.
bool updates(const Means& means) {
  Stage stage(means);
  struct File {
    UniqueFd fd;
    NativeFd fileno() const { return fd.get(); }
    void close() { fd.reset(); }
  };
  auto pair = make_socket_pair();
  File here{std::move(pair.first)};
  File there{std::move(pair.second)};
  std::string seen;
  const auto echo = [&](File& file, Events events) {
    if (has(events, Events::read)) {
      seen += read_byte(file.fileno());
      stage.loop.update_handler(file, Events::write);
    } else if (has(events, Events::write)) {
      write_byte(file.fileno(), 'y');
      stage.loop.update_handler(file, Events::none);
    }
  };
  stage.loop.add_handler(here, echo, Events::none);
  const auto client = [&](File& file, Events) {
    seen += read_byte(file.fileno());
    stage.loop.stop();
  };
  stage.loop.add_handler(there, client, Events::read);
  write_byte(there.fileno(), 'x');
  stage.loop.add_callback([&] { stage.loop.update_handler(here, Events::read); });
  const bool right = stage.run();
  stage.loop.close(true);
  return right && seen == "xy" && !here.fd && !there.fd;
}

// A poller that lacks the modes says so.
bool modes(const Means& means) {
  Stage stage(means);
  const FdPair once = make_pipe();
  const FdPair edge = make_pipe();
  int calls = 0;
  const auto count = [&](NativeFd, Events) {
    if (++calls == 2) stage.loop.add_callback([&] { stage.loop.stop(); });
  };
  try {
    stage.loop.add_handler(once.first.get(), count, Events::read | Events::one_shot);
    stage.loop.add_handler(edge.first.get(), count, Events::read | Events::edge);
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::not_supported) return true;
    throw;
  }
  write_byte(once.second.get(), 'x');
  write_byte(edge.second.get(), 'x');
  return stage.run() && calls == 2;
}

// A duplicate keeps the file of a closed number in the kernel's set.
bool orphans(const Means& means) {
  Stage stage(means);
  FdPair pipe = make_pipe();
  const UniqueFd twin = duplicate(pipe.first.get());
  stage.loop.add_handler(
      pipe.first.get(), [](NativeFd, Events) {}, Events::read);
  write_byte(pipe.second.get(), 'x');
  const NativeFd number = pipe.first.get();
  pipe.first.reset();
  stage.loop.remove_handler(number);
  stage.loop.call_later(1ms, [&] { stage.loop.stop(); });
  return stage.run();
}

bool timers(const Means& means) {
  Stage stage(means);
  std::string order;
  const TimePoint base = stage.loop.time();
  stage.loop.call_at(base + 200us, [&] { order += 'b'; });
  stage.loop.call_at(base + 100us, [&] { order += 'a'; });
  const TimeoutHandle never = stage.loop.call_at(base + 100us, [&] { order += '!'; });
  stage.loop.remove_timeout(never);
  TimeoutHandle moved = stage.loop.call_at(base, [&] { order += 'c'; });
  stage.loop.update_timeout(moved, base + 300us);
  stage.loop.call_at(base + 400us, [&] { stage.loop.stop(); });
  return stage.run() && order == "abc";
}

bool periodic(const Means& means) {
  Stage stage(means);
  int ticks = 0;
  PeriodicCallback often(
      stage.loop,
      [&] {
        if (++ticks == 3) stage.loop.stop();
      },
      200us, 0.1);
  PeriodicCallback never(
      stage.loop, [&] { ticks += 100; }, 1h);
  often.start();
  never.start();
  often.stop();
  often.start();
  return stage.run() && ticks == 3;
}

bool run_sync(const Means& means) {
  Stage stage(means);
  const std::string text =
      stage.loop.run_sync([] { return std::string(40, 'x'); }, means.patience);
  stage.loop.run_sync([] {}, means.patience);
  try {
    stage.loop.run_sync([] { throw 7; }, means.patience);
  } catch (int number) {
    return number == 7 && text.size() == 40;
  }
  return false;
}

// What a closing loop destroys takes everything back, and an object outlives it.
bool ending(const Means& means) {
  const FdPair pipe = make_pipe();
  std::unique_ptr<PeriodicCallback> outlives;
  int taken_back = 0;
  bool right = false;
  {
    Stage stage(means);
    const TimeoutHandle timeout = stage.loop.call_later(1h, [] {});
    const auto guard = [&] {
      return std::shared_ptr<int>(&taken_back, [&](int* count) {
        stage.loop.remove_handler(pipe.first.get());
        stage.loop.remove_timeout(timeout);
        stage.loop.remove_signal_handler(SIGUSR2);
        ++*count;
      });
    };
    const auto held = [](std::shared_ptr<int> by) { return [by](auto...) {}; };
    stage.loop.add_handler(pipe.first.get(), held(guard()), Events::read);
    stage.loop.call_later(1h, held(guard()));
    outlives = std::make_unique<PeriodicCallback>(
        stage.loop, [] {}, 1h);
    outlives->start();
    stage.loop.add_callback([&] {
      stage.loop.close();
      stage.loop.add_callback(held(guard()));
    });
    right = stage.run();
    outlives->stop();
    right = right && taken_back == 3 && stage.loop.handle().loop() == nullptr;
  }
  outlives.reset();
  return right;
}

// They are a handler's, or are logged.
bool exceptions(const Means& means) {
  Stage stage(means);
  int caught = 0;
  stage.loop.handle_callback_exception([&](std::exception_ptr failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::runtime_error&) {
      ++caught;
    }
  });
  const auto fail = [] { throw std::runtime_error("a callback that always fails"); };
  stage.loop.add_callback(fail);
  stage.loop.spawn_callback(fail);
  stage.loop.call_later(0ms, fail);
  stage.loop.call_later(100us, [&] {
    stage.loop.set_exception_policy(ExceptionPolicy::log);
    stage.loop.add_callback(fail);
    stage.loop.call_later(100us, [&] { stage.loop.stop(); });
  });
  return stage.run() && caught == 2;
}

// Looks without sleeping, and runs callbacks that are added in the same turn.
bool eager(const Means& means) {
  LoopOptions options;
  options.turns = TurnPolicy::bounded;
  options.spin = 50us;
  Stage stage(means, options);
  int left = 100;
  struct Again {
    IOLoop& loop;
    int& left;
    void operator()() const {
      if (--left == 0) return loop.stop();
      loop.add_callback(*this);
    }
  };
  stage.loop.call_later(100us, Again{stage.loop, left});
  return stage.run() && left == 0;
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

}  // namespace

std::vector<Family> loop_scenarios() {
  return {{"life", life},         {"handlers", handlers}, {"updates", updates},
          {"modes", modes},       {"orphans", orphans},   {"timers", timers},
          {"periodic", periodic}, {"run_sync", run_sync}, {"exceptions", exceptions},
          {"eager", eager},       {"watchdog", watchdog}, {"ending", ending}};
}

}  // namespace tornado::torture
