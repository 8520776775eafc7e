// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "coroutine/task_trace.h"
#include "support/log_capture.h"
#include "tornado/gen.h"
#include "tornado/task_group.h"
#include "tornado/testing.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

class Tasks : public SimulatedLoop<testing::Test> {
 protected:
  template <class F>
  std::error_code code_of(F act) {
    try {
      act();
    } catch (const std::system_error& error) {
      return error.code();
    }
    return {};
  }
};

/// Writes its name when it is destroyed.
struct Mark {
  std::string& to;
  char name;
  Mark(std::string& t, char n) : to(t), name(n) {}
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;
  ~Mark() { to += name; }
};

Task<> marked_sleep(std::string& to, char name) {
  const Mark mark(to, name);
  co_await sleep(1h);
}

TEST_F(Tasks, do_not_begin_before_they_are_awaited) {
  bool begun = false;
  const auto task = [](bool& flag) -> Task<> {
    flag = true;
    co_return;
  };
  Task<> lazy = task(begun);
  EXPECT_FALSE(begun);
  loop.run_sync(std::move(lazy));
  EXPECT_TRUE(begun);
}

TEST_F(Tasks, give_move_only_and_reference_results) {
  const auto owner = []() -> Task<std::unique_ptr<int>> {
    co_return std::make_unique<int>(7);
  };
  EXPECT_EQ(*loop.run_sync(owner()), 7);
  int object = 1;
  const auto reference = [](int& target) -> Task<int&> {
    co_await moment();
    co_return target;
  };
  loop.run_sync(reference(object)) = 2;
  EXPECT_EQ(object, 2);
}

TEST_F(Tasks, throw_exceptions_of_their_own_type) {
  struct Odd {
    int value;
  };
  const auto inner = []() -> Task<> {
    co_await moment();
    throw Odd{3};
  };
  const auto outer = [](Task<> task) -> Task<int> {
    try {
      co_await std::move(task);
    } catch (const Odd& odd) {
      co_return odd.value;
    }
    co_return 0;
  };
  EXPECT_EQ(loop.run_sync(outer(inner())), 3);
}

TEST_F(Tasks, of_a_function_are_made_and_run) {
  int captured = 40;
  EXPECT_EQ(loop.run_sync([&captured]() -> Task<int> {
    co_await moment();
    co_return captured + 2;
  }),
            42);
}

TEST_F(Tasks, that_are_empty_are_refused) {
  EXPECT_EQ(code_of([&] {
              Task<> task = marked_sleep(*std::make_unique<std::string>(), 'a');
              const Task<> other = std::move(task);
              loop.run_sync(std::move(task));
            }),
            std::errc::invalid_argument);
  const auto awaits_empty = []() -> Task<> {
    const auto nothing = []() -> Task<> { co_return; };
    Task<> task = nothing();
    co_await std::move(task);
    co_await std::move(task);
  };
  EXPECT_EQ(code_of([&] { loop.run_sync(awaits_empty()); }),
            std::errc::invalid_argument);
}

TEST_F(Tasks, of_lambdas_with_captures_are_refused_by_name) {
  const int captured = 1;
  const auto closure = [captured]() -> Task<> {
    (void)captured;
    co_return;
  };
  const auto generic = [captured](auto) -> Task<> {
    (void)captured;
    co_return;
  };
  const auto plain = []() -> Task<> { co_return; };
  EXPECT_EQ(code_of([&] { loop.spawn_callback(closure()); }),
            std::errc::invalid_argument);
  EXPECT_EQ(code_of([&] { loop.spawn_callback(generic(1)); }),
            std::errc::invalid_argument);
  TaskGroup group(loop);
  EXPECT_EQ(code_of([&] { group.start(closure()); }), std::errc::invalid_argument);
  EXPECT_TRUE(loop.spawn_callback(plain()));
  group.start(closure);  // keeps a copy of it
  const auto waits = [](TaskGroup& g) -> Task<> { co_await g.join(); };
  loop.run_sync(waits(group));
}

// A parameter T&& refers to a temporary, which ends before the task begins.
TEST_F(Tasks, of_functions_that_take_temporaries_are_refused_by_name) {
  const auto takes = [](std::string&& text, std::size_t& size) -> Task<> {
    size = text.size();
    co_return;
  };
  std::size_t size = 0;
  EXPECT_EQ(code_of([&] { loop.spawn_callback(takes("temporary", size)); }),
            std::errc::invalid_argument);
  TaskGroup group(loop);
  EXPECT_EQ(code_of([&] { group.start(takes("temporary", size)); }),
            std::errc::invalid_argument);
  loop.run_sync(takes("kept until it has ended", size));
  EXPECT_EQ(size, 23u);
}

#ifdef NDEBUG
constexpr bool names_discarded_tasks = false;
#else
constexpr bool names_discarded_tasks = true;
#endif

Task<> never_runs() {
  co_return;
}

TEST_F(Tasks, that_are_discarded_are_named_by_a_debug_build) {
  const LogCapture log;
  { const Task<> forgotten = never_runs(); }
  EXPECT_EQ(log.contains("never_runs", LogLevel::warning), names_discarded_tasks);
  EXPECT_EQ(log.contains("never awaited or started", LogLevel::warning),
            names_discarded_tasks);
}

TEST_F(Tasks, that_end_with_what_would_have_awaited_them_draw_no_warning) {
  const LogCapture log;
  const auto later = [](Task<> task) -> Task<> {
    co_await sleep(1h);
    co_await std::move(task);
  };
  loop.spawn_callback(later(never_runs()));
  loop.call_later(1s, [&] { loop.stop(); });
  loop.start();
  {
    TaskGroup group(loop);
    group.start(later(never_runs()));
    group.start(later(never_runs()));
    group.cancel();
    loop.call_later(1s, [&] { loop.stop(); });
    loop.start();
    group.start(later(never_runs()));
  }
  const auto refused = []() -> Task<> { throw std::runtime_error("argument"); };
  EXPECT_THROW((void)loop.run_sync(multi(never_runs(), refused(), never_runs())),
               std::runtime_error);
  loop.close();
  loop.spawn_callback(never_runs());
  EXPECT_FALSE(log.contains("never_runs", LogLevel::warning));
}

TEST_F(Tasks, that_are_spawned_report_their_exceptions_with_the_chain) {
  const LogCapture log;
  const auto inner = []() -> Task<> {
    co_await moment();
    throw std::runtime_error("lost nowhere");
  };
  const auto outer = [](Task<> task) -> Task<> { co_await std::move(task); };
  loop.spawn_callback(outer(inner()));
  loop.call_later(1ms, [&] { loop.stop(); });
  loop.start();
  EXPECT_TRUE(log.contains("Exception in task: lost nowhere\n  in ", LogLevel::error));
  EXPECT_TRUE(log.contains("task_test.cpp:", LogLevel::error));
}

TEST_F(Tasks, that_are_spawned_follow_the_exception_policy) {
  const auto fails = []() -> Task<> {
    co_await moment();
    throw std::runtime_error("rethrown");
  };
  loop.set_exception_policy(ExceptionPolicy::rethrow);
  loop.spawn_callback(fails());
  EXPECT_THROW(loop.start(), std::runtime_error);
  int handled = 0;
  loop.handle_callback_exception([&](const std::exception_ptr&) {
    ++handled;
    loop.stop();
  });
  loop.spawn_callback(fails());
  loop.start();
  EXPECT_EQ(handled, 1);
}

TEST_F(Tasks, can_be_callbacks) {
  int runs = 0;
  loop.add_callback([&runs, kept = std::make_unique<int>(1)]() -> Task<> {
    co_await sleep(1s);
    runs += *kept;
    IOLoop::current()->stop();
  });
  loop.start();
  EXPECT_EQ(runs, 1);
}

TEST_F(Tasks, are_ended_by_close_the_newest_first_and_children_before_parents) {
  std::string order;
  const auto parent = [](std::string& to, char name, Task<> child) -> Task<> {
    const Mark mark(to, name);
    co_await std::move(child);
  };
  loop.spawn_callback(parent(order, 'b', marked_sleep(order, 'a')));
  loop.spawn_callback(parent(order, 'd', marked_sleep(order, 'c')));
  loop.call_later(1s, [&] { loop.close(); });
  loop.start();
  EXPECT_EQ(order, "cdab");
}

TEST_F(Tasks, find_the_loop_closed_in_their_destructors) {
  struct Reaches {
    IOLoop& loop;
    int& refused;
    ~Reaches() {
      if (!loop.add_callback([] {})) ++refused;
      try {
        loop.call_later(1s, [] {});
      } catch (const std::system_error& error) {
        if (error.code() == Errc::loop_closed) ++refused;
      }
    }
  };
  int refused = 0;
  const auto task = [](IOLoop& l, int& n) -> Task<> {
    const Reaches reaches{l, n};
    co_await sleep(1h);
  };
  loop.spawn_callback(task(loop, refused));
  loop.call_later(1s, [&] { loop.stop(); });
  loop.start();
  loop.close();
  EXPECT_EQ(refused, 2);
  EXPECT_FALSE(loop.spawn_callback(task(loop, refused)));
}

TEST_F(Tasks, let_the_loop_look_though_they_never_suspend) {
  bool looked = false;
  loop.call_later(0s, [&] { looked = true; });
  const auto child = []() -> Task<> { co_return; };
  const auto busy = [](auto make, bool& flag) -> Task<> {
    while (!flag) co_await make();
  };
  loop.run_sync(busy(child, looked));
  EXPECT_TRUE(looked);
}

TEST_F(Tasks, are_told_of_with_their_chains_and_waits) {
  const auto inner = []() -> Task<> { co_await sleep(1h); };
  const auto outer = [](Task<> task) -> Task<> { co_await std::move(task); };
  loop.spawn_callback(outer(inner()));
  loop.call_later(2s, [&] { loop.stop(); });
  loop.start();
  const std::vector<TaskInfo> tasks = loop.tasks();
  ASSERT_EQ(tasks.size(), 1u);
  EXPECT_EQ(tasks[0].chain.size(), 2u);
  EXPECT_EQ(tasks[0].waits_for, "sleep");
  EXPECT_EQ(tasks[0].waiting, 2s);
  EXPECT_NE(to_string(tasks[0]).find("sleep for 2000 ms"), std::string::npos);
}

TEST_F(Tasks, are_counted_while_they_have_an_owner) {
  EXPECT_EQ(loop.counters().tasks, 0u);
  const auto nap = []() -> Task<> { co_await sleep(2s); };
  loop.spawn_callback(nap());
  {
    TaskGroup group(loop);
    group.start(nap());
    group.start(nap());
    loop.call_later(1s, [&] { loop.stop(); });
    loop.start();
    EXPECT_EQ(loop.counters().tasks, 3u);
  }
  EXPECT_EQ(loop.counters().tasks, 1u);
  loop.call_later(2s, [&] { loop.stop(); });
  loop.start();
  EXPECT_EQ(loop.counters().tasks, 0u);
}

// As g++ and clang call them.
TEST(TaskNames, have_neither_types_nor_template_arguments) {
  const std::vector<std::pair<const char*, const char*>> names = {
      {"plain", "lib::Task<const char*> plain()"},
      {"hidden", "lib::Task<void> {anonymous}::hidden(std::map<int, std::string >&)"},
      {"hidden", "lib::Task<> (anonymous namespace)::hidden(std::map<int, int> &)"},
      {"S::s", "static lib::Task<int> {anonymous}::S::s(void (*)(int))"},
      {"lib::multi",
       "lib::Task<std::vector<int> > lib::multi(Task<T>...) [with T = "
       "{int, void}]"},
      {"lib::multi", "Task<std::vector<int>> lib::multi(Task<T>...) [T = <int>]"},
      {"lib::Q::get", "lib::Task<T> lib::Q<T, C>::get(int) const [with T = int]"},
      {"lib::Q::put", "Task<> lib::Q<std::basic_string<char>>::put(U) & [U = int]"},
      {"lib::Q::operator()", "lib::Task<void> lib::Q<T>::operator()(int) [with T = C]"},
      {"lib::Q::operator<", "Task<> lib::Q<std::less<int>>::operator<(int) [T = int]"},
      {"main::lambda", "main()::<lambda()>"},
      {"main::lambda", "main()::<lambda(auto:11)> [with auto:11 = std::map<int, int>]"},
      {"main::lambda", "auto main()::(anonymous class)::operator()() const"},
      {"main::lambda::lambda", "main()::<lambda()>::<lambda()>"},
      {"main::L::go", "lib::Task<void> main()::L::go()"},
  };
  for (const auto& [name, signature] : names) {
    EXPECT_EQ(detail::short_name(signature), name) << signature;
  }
}

TEST_F(Tasks, of_a_run_that_was_stopped_are_destroyed) {
  std::string order;
  loop.call_later(1s, [&] { loop.stop(); });
  EXPECT_EQ(code_of([&] { loop.run_sync(marked_sleep(order, 'a')); }),
            Errc::loop_stopped);
  EXPECT_EQ(order, "a");
  loop.call_later(1s, [&] { loop.close(); });
  EXPECT_EQ(code_of([&] { loop.run_sync(marked_sleep(order, 'b')); }),
            Errc::loop_closed);
  EXPECT_EQ(order, "ab");
}

TEST_F(Tasks, are_not_run_by_a_loop_that_runs) {
  std::error_code code;
  const auto nothing = []() -> Task<> { co_return; };
  loop.add_callback([&] {
    code = code_of([&] { loop.run_sync(nothing()); });
    loop.stop();
  });
  loop.start();
  EXPECT_EQ(code, Errc::loop_running);
}

// Groups.

class TaskGroups : public Tasks {};

Task<> count_later(int& count, Delay delay) {
  co_await sleep(delay);
  ++count;
}

Task<> join(TaskGroup& group) {
  co_await group.join();
}

TEST_F(TaskGroups, await_all_their_tasks) {
  TaskGroup group(loop);
  int count = 0;
  for (int i = 0; i < 10; ++i) group.start(count_later(count, i * 1s));
  EXPECT_EQ(group.size(), 10u);
  loop.run_sync(join(group));
  EXPECT_EQ(count, 10);
  loop.run_sync(join(group));  // with none at once
}

TEST_F(TaskGroups, cancel_the_others_when_one_fails_and_throw_what_it_has_thrown) {
  TaskGroup group(loop);
  int count = 0;
  const auto fails = []() -> Task<> {
    co_await sleep(2s);
    throw std::runtime_error("first");
  };
  group.start(count_later(count, 1s));
  group.start(fails());
  group.start(count_later(count, 3s));
  const TimePoint before = loop.time();
  EXPECT_THROW(loop.run_sync(join(group)), std::runtime_error);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(loop.time() - before, 2s);
  group.start(count_later(count, 1s));  // may be used again
  loop.run_sync(join(group));
  EXPECT_EQ(count, 2);
}

TEST_F(TaskGroups, that_only_report_go_on) {
  const LogCapture log;
  TaskGroup group(loop, OnFailure::report);
  int count = 0;
  const auto fails = []() -> Task<> {
    co_await sleep(1s);
    throw std::runtime_error("reported");
  };
  group.start(fails());
  group.start(count_later(count, 3s));
  loop.run_sync(join(group));
  EXPECT_EQ(count, 1);
  EXPECT_TRUE(log.contains("reported", LogLevel::error));
}

TEST_F(TaskGroups, that_are_destroyed_end_their_tasks_the_newest_first) {
  std::string order;
  {
    TaskGroup group(loop);
    group.start(marked_sleep(order, 'a'));
    group.start(marked_sleep(order, 'b'));
    loop.call_later(1s, [&] { loop.stop(); });
    loop.start();
  }
  EXPECT_EQ(order, "ba");
}

TEST_F(TaskGroups, may_be_destroyed_by_their_own_tasks) {
  auto group = std::make_unique<TaskGroup>(loop);
  int cancelled = 0;
  const auto destroys = [](std::unique_ptr<TaskGroup>& own, int& n) -> Task<> {
    co_await moment();
    own.reset();
    try {
      co_await moment();
    } catch (const Cancelled&) {
      ++n;
      throw;
    }
  };
  group->start(destroys(group, cancelled));
  loop.call_later(1s, [&] { loop.stop(); });
  loop.start();
  EXPECT_EQ(cancelled, 1);
  EXPECT_TRUE(loop.tasks().empty());
}

TEST_F(TaskGroups, may_outlive_their_loop) {
  std::string order;
  auto other = std::make_unique<IOLoop>();
  TaskGroup group(*other);
  group.start(marked_sleep(order, 'a'));
  other->add_callback([&] { other->stop(); });
  other->start();
  other.reset();
  EXPECT_EQ(order, "a");
  EXPECT_EQ(group.size(), 0u);
  EXPECT_EQ(code_of([&] { group.start(marked_sleep(order, 'b')); }), Errc::loop_closed);
  group.cancel();
}

TEST_F(TaskGroups, tell_a_task_that_joins_its_own_group) {
  TaskGroup group(loop);
  group.start(join(group));
  EXPECT_EQ(code_of([&] { loop.run_sync(join(group)); }),
            std::errc::resource_deadlock_would_occur);
}

TEST_F(TaskGroups, pass_a_cancellation_on_and_end_first) {
  const auto outer = [](std::string& to) -> Task<> {
    TaskGroup group;
    group.start(marked_sleep(to, 'c'));
    const Mark mark(to, 'p');
    co_await group.join();
  };
  std::string order;
  EXPECT_EQ(code_of([&] { loop.run_sync(with_timeout(1s, outer(order))); }),
            Errc::timed_out);
  EXPECT_EQ(order, "cp");
}

// Cancelling.

class Cancelling : public Tasks {};

TEST_F(Cancelling, throws_at_the_suspension_and_at_every_later_await) {
  const auto stubborn = [](int& times) -> Task<> {
    for (int i = 0; i < 3; ++i) {
      try {
        co_await sleep(1h);
      } catch (const Cancelled& cancelled) {
        if (cancelled.reason == CancelReason::requested) ++times;
      }
    }
  };
  TaskGroup group(loop);
  int times = 0;
  group.start(stubborn(times));
  loop.call_later(1s, [&] { group.cancel(); });
  loop.run_sync(join(group));
  EXPECT_EQ(times, 3);
}

TEST_F(Cancelling, says_where_it_was_asked_for) {
  std::source_location where;
  const auto task = [](std::source_location& to) -> Task<> {
    try {
      co_await sleep(1h);
    } catch (const Cancelled& cancelled) {
      to = cancelled.where;
    }
  };
  TaskGroup group(loop);
  group.start(task(where));
  loop.call_later(1s, [&] { group.cancel(); });
  loop.run_sync(join(group));
  EXPECT_NE(std::string(where.file_name()).find("task_test.cpp"), std::string::npos);
}

TEST_F(Cancelling, is_no_std_exception) {
  static_assert(!std::is_base_of_v<std::exception, Cancelled>);
}

TEST_F(Cancelling, spares_what_is_shielded) {
  std::string order;
  const auto cleans_up = [](std::string& to) -> Task<> {
    co_await sleep(1s);
    to += 'c';
  };
  const auto task = [](auto clean, std::string& to) -> Task<> {
    bool cancelled = false;
    try {
      co_await sleep(1h);
    } catch (const Cancelled&) {
      cancelled = true;
    }
    if (cancelled) co_await shielded(clean(to));
    to += 'd';
    co_await moment();
    to += 'x';
  };
  TaskGroup group(loop);
  group.start(task(cleans_up, order));
  loop.call_later(1s, [&] { group.cancel(); });
  loop.run_sync(join(group));
  EXPECT_EQ(order, "cd");
}

TEST_F(Cancelling, before_the_begin_drops_the_task) {
  bool begun = false;
  const auto task = [](bool& flag) -> Task<> {
    flag = true;
    co_return;
  };
  TaskGroup group(loop);
  group.start(task(begun));
  group.cancel();
  loop.run_sync(join(group));
  EXPECT_FALSE(begun);
}

TEST_F(Cancelling, keeps_a_result_that_comes_in_the_same_turn) {
  const auto slow = []() -> Task<int> {
    co_await sleep(1s);
    co_return 42;
  };
  // The deadline was added before the sleep, and so is the first of the two.
  EXPECT_EQ(loop.run_sync(with_timeout(2s, slow())), 42);
  int results = 0;
  const auto both = [](auto make, int& n) -> Task<> {
    n += co_await make();
    co_await moment();  // throws
    n = -1;
  };
  TaskGroup group(loop);
  group.start(both(slow, results));
  // Runs between the timeout that ends the sleep and the task.
  loop.call_later(500ms, [&] { loop.call_later(500ms, [&] { group.cancel(); }); });
  loop.run_sync(join(group));
  EXPECT_EQ(results, 42);
}

TEST_F(Cancelling, by_the_outer_deadline_is_not_taken_for_the_inner) {
  const auto endless = []() -> Task<> { co_await sleep(1h); };
  const auto inner = [](auto make) -> Task<std::string> {
    try {
      co_await with_timeout(10s, make());
    } catch (const std::system_error&) {
      co_return "inner";
    }
    co_return "none";
  };
  const TimePoint before = loop.time();
  EXPECT_EQ(code_of([&] { (void)loop.run_sync(with_timeout(1s, inner(endless))); }),
            Errc::timed_out);
  EXPECT_EQ(loop.time() - before, 1s);
}

TEST_F(Cancelling, reaches_scopes_within_scopes) {
  int cancelled = 0;
  const auto leaf = [](int& n) -> Task<> {
    try {
      co_await sleep(1h);
    } catch (const Cancelled&) {
      ++n;
      throw;
    }
  };
  const auto nested = [](auto make, int& n) -> Task<> {
    co_await multi(with_timeout(2h, make(n)), multi(make(n), make(n)));
  };
  EXPECT_EQ(code_of([&] { loop.run_sync(nested(leaf, cancelled), 1s); }),
            Errc::timed_out);
  EXPECT_EQ(cancelled, 3);
}

TEST_F(Cancelling, gives_the_first_that_has_ended_and_ends_the_others) {
  std::string order;
  const auto loser = [](std::string& to) -> Task<int> {
    const Mark mark(to, 'l');
    co_await sleep(1h);
    co_return 1;
  };
  const auto winner = []() -> Task<int> {
    co_await sleep(1s);
    co_return 2;
  };
  const auto [a, b] = loop.run_sync(first_of(loser(order), winner()));
  EXPECT_FALSE(a);
  EXPECT_EQ(b, 2);
  EXPECT_EQ(order, "l");
}

TEST_F(Cancelling, throws_the_failure_of_the_first_that_has_ended) {
  const auto fails = []() -> Task<int> {
    co_await sleep(1s);
    throw std::runtime_error("first");
  };
  const auto endless = []() -> Task<int> {
    co_await sleep(1h);
    co_return 1;
  };
  EXPECT_THROW((void)loop.run_sync(first_of(endless(), fails())), std::runtime_error);
}

}  // namespace
}  // namespace tornado::test
