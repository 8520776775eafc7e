// SPDX-License-Identifier: Apache-2.0
// The cases of Tornado's locks_test.py of conditions and events under their own names,
// and what the library promises beyond them.
#include <memory>
#include <string>
#include <vector>

#include "stage.h"
#include "tornado/locks.h"

namespace tornado::test {
namespace {

using History = std::vector<std::string>;

class ConditionTest : public Stage {
 protected:
  static Task<void> record(Condition& condition, History& history, std::string key,
                           std::optional<Delay> timeout) {
    const bool notified = co_await condition.wait(timeout);
    history.push_back(notified ? std::move(key) : "timeout");
  }
  void wait(std::string key, std::optional<Delay> timeout = {}) {
    waiters.start(record(condition, history, std::move(key), timeout));
  }
  void wait_for(int count) {
    for (int i = 0; i < count; ++i) wait(std::to_string(i));
  }
  Task<void> notified(std::size_t n, std::string expected) {
    condition.notify(n);
    co_await settle();
    std::string all;
    for (const std::string& key : history) all += (all.empty() ? "" : " ") + key;
    EXPECT_EQ(all, expected);
  }

  Condition condition;
  History history;
  TaskGroup waiters{loop};
};

TEST_F(ConditionTest, test_notify) {
  play([this]() -> Task<> {
    wait("0");
    co_await settle();
    co_await notified(1, "0");
  });
}

TEST_F(ConditionTest, test_notify_1) {
  play([this]() -> Task<> {
    wait_for(2);
    co_await settle();
    condition.notify(1);
    history.push_back("notify1");
    co_await settle();
    condition.notify(1);
    history.push_back("notify2");
    co_await settle();
    EXPECT_EQ(history, (History{"notify1", "0", "notify2", "1"}));
  });
}

TEST_F(ConditionTest, test_notify_n) {
  play([this]() -> Task<> {
    wait_for(6);
    co_await settle();
    co_await notified(4, "0 1 2 3");
    co_await notified(1, "0 1 2 3 4");
    co_await notified(3, "0 1 2 3 4 5");
  });
}

TEST_F(ConditionTest, test_notify_all) {
  play([this]() -> Task<> {
    wait_for(4);
    co_await settle();
    condition.notify_all();
    history.push_back("notify_all");
    co_await settle();
    EXPECT_EQ(history, (History{"notify_all", "0", "1", "2", "3"}));
  });
}

TEST_F(ConditionTest, test_wait_timeout) {
  play([this]() -> Task<> {
    const TimePoint start = loop.time();
    EXPECT_FALSE(co_await condition.wait(10ms));
    EXPECT_EQ(loop.time() - start, 10ms);
  });
}

TEST_F(ConditionTest, test_wait_timeout_preempted) {
  play([this]() -> Task<> {
    wait("0", 20ms);
    co_await sleep(10ms);
    condition.notify();
    co_await sleep(30ms);
    EXPECT_EQ(history, (History{"0"}));
  });
}

TEST_F(ConditionTest, test_notify_n_with_timeout) {
  play([this]() -> Task<> {
    wait("0");
    wait("1", 10ms);
    wait("2");
    wait("3");
    co_await sleep(20ms);
    EXPECT_EQ(history, (History{"timeout"}));
    co_await notified(2, "timeout 0 2");
    co_await notified(1, "timeout 0 2 3");
  });
}

TEST_F(ConditionTest, test_notify_all_with_timeout) {
  play([this]() -> Task<> {
    wait("0");
    wait("1", 10ms);
    wait("2");
    co_await sleep(20ms);
    condition.notify_all();
    co_await settle();
    EXPECT_EQ(history, (History{"timeout", "0", "2"}));
  });
}

TEST_F(ConditionTest, test_nested_notify) {
  const auto nested = [this]() -> Task<> {
    co_await condition.wait();
    history.push_back("nested");
    condition.notify();
  };
  play([this, &nested]() -> Task<> {
    waiters.start(nested);
    wait("1");
    wait("2");
    co_await settle();
    condition.notify(2);
    co_await settle();
    EXPECT_EQ(history, (History{"nested", "1", "2"}));
  });
}

TEST_F(ConditionTest, test_garbage_collection) {
  play([this]() -> Task<> {
    for (int i = 0; i < 101; ++i) wait("late", 10ms);
    wait("live");
    co_await sleep(20ms);
    EXPECT_EQ(waiters.size(), 1u);
    history.clear();
    co_await notified(1, "live");
  });
}

TEST_F(ConditionTest, passes_a_notification_on_when_its_task_is_destroyed) {
  play([this]() -> Task<> {
    auto doomed = std::make_unique<TaskGroup>(loop);
    doomed->start(record(condition, history, "doomed", {}));
    co_await settle();
    wait("next");
    co_await settle();
    condition.notify();
    doomed.reset();
    co_await settle();
    EXPECT_EQ(history, (History{"next"}));
  });
}

class EventTest : public Stage {
 protected:
  Task<void> wait(std::string key) {
    co_await event.wait();
    history.push_back(std::move(key));
  }

  Event event;
  History history;
  TaskGroup waiters{loop};
};

TEST_F(EventTest, test_event) {
  play([this]() -> Task<> {
    EXPECT_FALSE(event.is_set());
    waiters.start(wait("before"));
    co_await settle();
    EXPECT_TRUE(history.empty());
    event.set();
    co_await settle();
    EXPECT_EQ(history, (History{"before"}));
    co_await event.wait();
    event.clear();
    waiters.start(wait("after"));
    co_await settle();
    EXPECT_EQ(history, (History{"before"}));
  });
}

TEST_F(EventTest, test_event_timeout) {
  const auto too_long = [this]() -> Task<> { co_await event.wait(10ms); };
  play([this, &too_long]() -> Task<> {
    const std::error_code late = co_await error_of_task(too_long);
    EXPECT_EQ(late, Errc::timed_out);
    waiters.start(wait("later"));
    co_await settle();
    event.set();
    co_await settle();
    EXPECT_EQ(history, (History{"later"}));
  });
}

TEST_F(EventTest, test_event_set_multiple) {
  event.set();
  event.set();
  EXPECT_TRUE(event.is_set());
}

TEST_F(EventTest, test_event_wait_clear) {
  play([this]() -> Task<> {
    waiters.start(wait("0"));
    co_await settle();
    event.clear();
    waiters.start(wait("1"));
    co_await settle();
    EXPECT_TRUE(history.empty());
    event.set();
    event.clear();
    co_await settle();
    EXPECT_EQ(history, (History{"0", "1"}));
  });
}

}  // namespace
}  // namespace tornado::test
