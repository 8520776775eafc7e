// SPDX-License-Identifier: Apache-2.0
// The cases of Tornado's locks_test.py of semaphores and locks under their own
// names, and what the library promises beyond them.
#include "tornado/locks.h"

#include <memory>
#include <string>
#include <vector>

#include "stage.h"

namespace tornado::test {
namespace {

using History = std::vector<std::string>;

class SemaphoreTest : public Stage {
 protected:
  Task<void> acquire(Semaphore& semaphore, std::string key) {
    SemaphorePermit permit = co_await semaphore.acquire();
    permit.detach();
    history.push_back(std::move(key));
  }

  History history;
  TaskGroup waiters{loop};
};

TEST_F(SemaphoreTest, test_negative_value) {
  EXPECT_EQ(error_of([] { Semaphore semaphore(-1); }), invalid_argument());
}

TEST_F(SemaphoreTest, test_acquire) {
  Semaphore semaphore;
  play([this, &semaphore]() -> Task<> {
    for (const char* const key : {"0", "1", "2"}) {
      waiters.start(acquire(semaphore, key));
    }
    co_await settle();
    EXPECT_EQ(history, (History{"0"}));
    semaphore.release();
    EXPECT_EQ(semaphore.value(), 0);
    co_await settle();
    EXPECT_EQ(history, (History{"0", "1"}));
    semaphore.release();
    co_await settle();
    EXPECT_EQ(history, (History{"0", "1", "2"}));
    semaphore.release();
    EXPECT_EQ(semaphore.value(), 1);
    const auto at_once = co_await semaphore.acquire(0s);
    EXPECT_TRUE(at_once);
  });
}

TEST_F(SemaphoreTest, test_acquire_timeout) {
  Semaphore semaphore(2);
  const auto late = [&semaphore]() -> Task<> {
    const auto permit = co_await semaphore.acquire(10ms);
  };
  play([this, &semaphore, &late]() -> Task<> {
    waiters.start(acquire(semaphore, "0"));
    waiters.start(acquire(semaphore, "1"));
    co_await settle();
    const std::error_code error = co_await error_of_task(late);
    EXPECT_EQ(error, Errc::timed_out);
    semaphore.release();
    EXPECT_EQ(semaphore.value(), 1);
    waiters.start(acquire(semaphore, "2"));
    co_await settle();
    EXPECT_EQ(history, (History{"0", "1", "2"}));
  });
}

TEST_F(SemaphoreTest, test_acquire_timeout_preempted) {
  Semaphore semaphore(1);
  play([this, &semaphore]() -> Task<> {
    waiters.start(acquire(semaphore, "0"));
    co_await settle();
    loop.call_later(10ms, [&semaphore] { semaphore.release(); });
    const auto permit = co_await semaphore.acquire(20ms);
    co_await sleep(30ms);
    EXPECT_EQ(semaphore.value(), 0);
  });
}

TEST_F(SemaphoreTest, test_release_unacquired) {
  Semaphore semaphore;
  semaphore.release();
  semaphore.release();
  EXPECT_EQ(semaphore.value(), 3);
  play([this, &semaphore]() -> Task<> {
    for (const char* const key : {"0", "1", "2", "3"}) {
      waiters.start(acquire(semaphore, key));
    }
    co_await settle();
    EXPECT_EQ(history, (History{"0", "1", "2"}));
  });
}

TEST_F(SemaphoreTest, test_garbage_collection) {
  Semaphore semaphore(1);
  const auto late = [&semaphore]() -> Task<> {
    const auto permit = co_await semaphore.acquire(10ms);
  };
  play([this, &semaphore, &late]() -> Task<> {
    waiters.start(acquire(semaphore, "0"));
    co_await settle();
    TaskGroup others(loop, OnFailure::report);
    loop.handle_callback_exception([](const std::exception_ptr&) {});
    for (int i = 0; i < 101; ++i) others.start(late);
    waiters.start(acquire(semaphore, "live"));
    co_await others.join();
    EXPECT_EQ(waiters.size(), 1u);
    semaphore.release();
    co_await settle();
    EXPECT_EQ(history, (History{"0", "live"}));
  });
}

class SemaphoreContextManagerTest : public Stage {};

TEST_F(SemaphoreContextManagerTest, test_context_manager) {
  Semaphore semaphore;
  play([&semaphore]() -> Task<> {
    {
      const auto permit = co_await semaphore.acquire();
      EXPECT_EQ(semaphore.value(), 0);
    }
    EXPECT_EQ(semaphore.value(), 1);
  });
}

TEST_F(SemaphoreContextManagerTest, test_context_manager_exception) {
  Semaphore semaphore;
  const auto fails = [&semaphore]() -> Task<> {
    const auto permit = co_await semaphore.acquire();
    throw std::system_error(Errc::loop_stopped);
  };
  play([&semaphore, &fails]() -> Task<> {
    const std::error_code error = co_await error_of_task(fails);
    EXPECT_EQ(error, Errc::loop_stopped);
    EXPECT_EQ(semaphore.value(), 1);
  });
}

TEST_F(SemaphoreContextManagerTest, test_context_manager_timeout) {
  Semaphore semaphore;
  play([&semaphore]() -> Task<> {
    { const auto permit = co_await semaphore.acquire(10ms); }
    EXPECT_EQ(semaphore.value(), 1);
  });
}

TEST_F(SemaphoreContextManagerTest, test_context_manager_timeout_error) {
  Semaphore semaphore(0);
  const auto late = [&semaphore]() -> Task<> {
    const auto permit = co_await semaphore.acquire(10ms);
  };
  play([&semaphore, &late]() -> Task<> {
    const std::error_code error = co_await error_of_task(late);
    EXPECT_EQ(error, Errc::timed_out);
    EXPECT_EQ(semaphore.value(), 0);
  });
}

TEST_F(SemaphoreContextManagerTest, test_context_manager_contended) {
  Semaphore semaphore;
  History history;
  const auto user = [&](int index) -> Task<> {
    const auto permit = co_await semaphore.acquire();
    history.push_back("acquired " + std::to_string(index));
    co_await sleep(10ms);
    history.push_back("release " + std::to_string(index));
  };
  play([this, &user]() -> Task<> {
    TaskGroup users(loop);
    users.start(user, 0);
    users.start(user, 1);
    co_await users.join();
  });
  EXPECT_EQ(history, (History{"acquired 0", "release 0", "acquired 1", "release 1"}));
}

TEST(BoundedSemaphoreTest, test_release_unacquired) {
  BoundedSemaphore semaphore;
  EXPECT_EQ(error_of([&] { semaphore.release(); }), invalid_argument());
  EXPECT_EQ(semaphore.value(), 1);
}

class LockTests : public Stage {
 protected:
  Lock lock;
};

TEST_F(LockTests, test_acquire_release) {
  play([this]() -> Task<> {
    LockGuard first = co_await lock.acquire();
    EXPECT_TRUE(lock.locked());
    loop.add_callback([&first] { first.release(); });
    {
      const auto second = co_await lock.acquire();
      EXPECT_TRUE(lock.locked());
      EXPECT_FALSE(first);
    }
    EXPECT_FALSE(lock.locked());
  });
}

TEST_F(LockTests, test_acquire_fifo) {
  History history;
  const auto user = [&](int index) -> Task<> {
    const auto guard = co_await lock.acquire();
    history.push_back(std::to_string(index));
    co_await moment();
  };
  play([this, &user]() -> Task<> {
    TaskGroup users(loop);
    for (int i = 0; i < 5; ++i) users.start(user, i);
    co_await users.join();
  });
  EXPECT_EQ(history, (History{"0", "1", "2", "3", "4"}));
  EXPECT_FALSE(lock.locked());
}

TEST_F(LockTests, test_acquire_timeout) {
  const auto late = [this]() -> Task<> {
    const auto guard = co_await lock.acquire(10ms);
  };
  play([this, &late]() -> Task<> {
    const auto guard = co_await lock.acquire();
    const std::error_code error = co_await error_of_task(late);
    EXPECT_EQ(error, Errc::timed_out);
    EXPECT_TRUE(lock.locked());
  });
}

TEST_F(LockTests, test_multi_release) {
  EXPECT_EQ(error_of([this] { lock.release(); }),
            std::make_error_code(std::errc::operation_not_permitted));
  play([this]() -> Task<> {
    const auto guard = co_await lock.acquire();
    lock.release();
    EXPECT_FALSE(guard);
    EXPECT_FALSE(lock.locked());
  });
  EXPECT_FALSE(lock.locked());
  EXPECT_EQ(error_of([this] { lock.release(); }),
            std::make_error_code(std::errc::operation_not_permitted));
}

TEST_F(LockTests, waits_say_who_holds_the_lock) {
  play([this]() -> Task<> {
    const auto guard = co_await lock.acquire();
    const auto line = std::to_string(__LINE__ - 1);
    TaskGroup waiters(loop);
    waiters.start([this]() -> Task<> { const auto other = co_await lock.acquire(); });
    co_await settle();
    History waits;
    for (const TaskInfo& task : loop.tasks()) waits.push_back(task.waits_for);
    const std::string place = " (locks_test.cpp:" + line + ")";
    const std::string& wait = waits.back();
    EXPECT_TRUE(wait.starts_with("lock held by ")) << wait;
    EXPECT_TRUE(wait.ends_with(place)) << wait;
  });
}

TEST_F(LockTests, guards_outlive_the_lock) {
  auto gone = std::make_unique<Lock>();
  play([&gone]() -> Task<> {
    LockGuard guard = co_await gone->acquire();
    gone.reset();
    EXPECT_FALSE(guard);
    guard.release();
  });
}

TEST_F(LockTests, waits_end_as_abandoned_with_the_lock) {
  auto gone = std::make_unique<Lock>();
  const auto user = [&gone]() -> Task<> {
    const auto guard = co_await gone->acquire();
    co_await sleep(1s);
  };
  play([this, &gone, &user]() -> Task<> {
    TaskGroup users(loop);
    users.start(user);
    co_await settle();
    loop.add_callback([&gone] { gone.reset(); });
    const std::error_code error = co_await error_of_task(user);
    EXPECT_EQ(error, Errc::abandoned);
  });
}

}  // namespace
}  // namespace tornado::test
