// SPDX-License-Identifier: Apache-2.0
// What a program of tasks needs memory for: frames, groups, queues, results.
#include <coroutine>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>

#include "stage.h"

namespace tornado::torture {
namespace {

using namespace std::chrono_literals;

Task<int> gives(int value, int turns) {
  for (int i = 0; i < turns; ++i) co_await moment();
  co_return value;
}
Task<> naps(Delay delay) {
  co_await sleep(delay);
}
Task<> fails() {
  co_await moment();
  throw std::runtime_error("expected");
}

Task<int> runs_tasks_together() {
  const auto [a, b] = co_await multi(gives(1, 2), gives(2, 1));
  const int in_time = co_await with_timeout(1h, gives(4, 1));
  const auto [first, second] = co_await first_of(gives(8, 1), gives(0, 1000));
  bool late = false;
  try {
    co_await with_timeout(1ms, naps(1h));
  } catch (const std::system_error& error) {
    if (error.code() != Errc::timed_out) throw;
    late = true;
  }
  bool failed = false;
  try {
    (void)co_await multi(fails(), naps(1h));
  } catch (const std::runtime_error&) {
    failed = true;
  }
  co_await shielded(naps(1ms));
  co_return a + b + in_time + first.value_or(0) + (late && failed ? 16 : 0);
}

bool tasks(const Means& means) {
  Stage stage(means);
  return stage.loop.run_sync(runs_tasks_together(), means.patience) == 31;
}

Task<> produces(Queue<std::string>& queue, Semaphore& permits) {
  for (int i = 0; i < 20; ++i) {
    const SemaphorePermit permit = co_await permits.acquire(1h);
    co_await queue.put(std::string(100, 'x'), 1h);
  }
}
Task<> consumes(Queue<std::string>& queue, std::size_t& sum) {
  for (int i = 0; i < 20; ++i) {
    const std::string item = co_await queue.get(1h);
    sum += item.size();
    queue.task_done();
  }
}
Task<std::size_t> passes_items() {
  std::size_t sum = 0;
  Queue<std::string> queue(3);
  Semaphore permits(2);
  TaskGroup group;
  group.start(produces(queue, permits));
  group.start(consumes(queue, sum));
  co_await group.join();
  WaitIterator<int> results([] {
    std::vector<Task<int>> both;
    both.push_back(gives(1, 1));
    both.push_back(gives(2, 2));
    return both;
  }());
  while (!results.done()) {
    const int result = co_await results.next();
    sum += static_cast<std::size_t>(result);
  }
  co_return sum;
}

bool task_queue(const Means& means) {
  Stage stage(means);
  return stage.loop.run_sync(passes_items(), means.patience) == 2003;
}

// What is cancelled, or destroyed with its group, or with the loop.
bool tasks_ended(const Means& means) {
  Stage stage(means);
  {
    TaskGroup group(stage.loop);
    group.start(naps(1h));
    group.start(fails());
    const auto joins = [](TaskGroup& all) -> Task<> { co_await all.join(); };
    try {
      stage.loop.run_sync(joins(group), means.patience);
      return false;
    } catch (const std::runtime_error& error) {
      if (std::string(error.what()) != "expected") throw;
    }
    group.start(naps(1h));
    stage.loop.run_sync(gives(0, 2), means.patience);
  }
  stage.loop.spawn_callback(naps(1h));
  stage.loop.run_sync(gives(0, 2), means.patience);
  return stage.loop.tasks().size() == 1;
}

/// Resumes the coroutine on a thread of its own, and waits for its end.
class OnThread {
 public:
  explicit OnThread(IOLoop& loop) noexcept : loop_(loop) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) {
    thread_.emplace(loop_, [coroutine] { coroutine.resume(); });
  }
  int await_resume() const noexcept { return 2; }

 private:
  IOLoop& loop_;
  std::optional<Helper> thread_;
};

Task<int> awaits_threads(IOLoop& loop, std::optional<Helper>& one) {
  const auto begin = [&](const Completion<int>& done) {
    one.emplace(loop, [done] { done.set_value(1); });
  };
  const int of_completion = co_await until<int>(begin);
  OnThread awaitable(loop);
  const int of_foreign = co_await awaitable;
  const auto job = [](std::string text) { return static_cast<int>(text.size()); };
  const int of_job = co_await run_in_executor(job, std::string(40, 'x'));
  co_return of_completion + of_foreign + of_job;
}

bool task_results(const Means& means) {
  std::optional<Helper> one;
  Stage stage(means);
  return stage.loop.run_sync(awaits_threads(stage.loop, one), means.patience) == 43;
}

Task<int> receives(Channel<std::string>& channel) {
  int sum = 0;
  for (;;) {
    const std::optional<std::string> item = co_await channel.receive();
    if (!item) co_return sum;
    sum += static_cast<int>(item->size());
  }
}

bool task_channel(const Means& means) {
  Channel<std::string> channel(2);
  Stage stage(means);
  Helper sender(stage.loop, [&] {
    struct Close {
      Channel<std::string>& channel;
      ~Close() { channel.close(); }
    } const at_the_end{channel};
    for (int i = 0; i < 10; ++i) channel.blocking_send(std::string(50, 'x'), 2s);
  });
  struct Close {
    Channel<std::string>& channel;
    ~Close() { channel.close(); }
  } const at_the_end{channel};
  const bool all = stage.loop.run_sync(receives(channel), means.patience) == 500;
  sender.join();
  return all;
}

template <bool (*scenario)(const Means&)>
bool alone(const Means& means) {
  return on_a_thread([&] { return scenario(means); });
}

}  // namespace

std::vector<Family> task_scenarios() {
  return {{"tasks", alone<tasks>, false, false},
          {"task_queue", alone<task_queue>, false, false},
          {"tasks_ended", alone<tasks_ended>, false, false},
          {"task_results", alone<task_results>, false, false},
          {"task_channel", alone<task_channel>, false, false}};
}

}  // namespace tornado::torture
