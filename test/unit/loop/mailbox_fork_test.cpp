// SPDX-License-Identifier: Apache-2.0
// Forks at each moment of a post by another thread, among them those when it holds the
// lock of the queue, which no thread of the child can release.
#include <memory>
#include <semaphore>
#include <thread>

#include "loop/mailbox.h"
#include "support/child.h"
#include "support/sanitizers.h"
#include "tornado/ioloop.h"

namespace tornado::test {
namespace {

/// Where the posting thread waits until it has been forked.
class Moments {
 public:
  void pass() {
    reached_.release();
    go_on_.acquire();
  }
  void end() {
    over_ = true;
    reached_.release();
  }
  /// Calls `f` at each, and returns how many there were.
  template <class F>
  int at_each(F f) {
    for (int n = 0;; ++n) {
      reached_.acquire();
      if (over_) return n;
      f();
      go_on_.release();
    }
  }

 private:
  std::binary_semaphore reached_{0};
  std::binary_semaphore go_on_{0};
  bool over_ = false;
};

/// A callable that a post moves into the queue.
struct Moved {
  explicit Moved(Moments& m) : moments(&m) {}
  Moved(Moved&& other) noexcept : moments(other.moments) {
    if (armed) moments->pass();
  }
  void operator()() const {}

  static inline thread_local bool armed = false;
  Moments* moments;
};

void fork_amid_a_post(const std::function<void(IOLoop&)>& in_child) {
  IOLoop loop;
  Moments moments;
  std::thread poster([&moments, handle = loop.handle()] {
    Callback callback = Moved(moments);
    Moved::armed = true;
    EXPECT_TRUE(handle.add_callback(std::move(callback)));
    moments.end();
  });
  const int count =
      moments.at_each([&] { EXPECT_TRUE(passes_in_child([&] { in_child(loop); })); });
  poster.join();
  EXPECT_GE(count, 2) << "one before the lock, one under it";
}

// What was queued may be half written: it is neither run nor destroyed.
TEST(ForkAmidAPost, drops_queued_callbacks_in_the_child_and_logs_it) {
  Mailbox mailbox(WakerKind::best);
  const auto alive = std::make_shared<int>();
  EXPECT_TRUE(mailbox.post([alive] {}, {}));
  Moments moments;
  std::thread poster([&] {
    Callback callback = Moved(moments);
    Moved::armed = true;
    EXPECT_TRUE(mailbox.post(std::move(callback), {}));
    moments.end();
  });
  const int under_the_lock = moments.at_each([&] {
    EXPECT_TRUE(passes_in_child([&] {
      EXPECT_FALSE(mailbox.renew());
      EXPECT_EQ(mailbox.queue().size(), 0u);
      EXPECT_EQ(alive.use_count(), 2);
      mailbox.take_over();
      EXPECT_TRUE(mailbox.post([] {}, {}));
      EXPECT_EQ(mailbox.queue().size(), 1u);
    }));
  });
  poster.join();
  EXPECT_EQ(under_the_lock, 1);
  EXPECT_TRUE(passes_in_child([&] {
    EXPECT_TRUE(mailbox.renew());
    EXPECT_EQ(mailbox.queue().size(), 2u);
    mailbox.take_over();
    EXPECT_TRUE(mailbox.post([] {}, {}));
  }));
}

TEST(ForkAmidAPost, lets_the_child_close_the_loop) {
  fork_amid_a_post([](IOLoop& loop) { loop.close(); });
}

TEST(ForkAmidAPost, lets_the_child_take_the_loop_over) {
  if (under_thread_sanitizer()) {
    GTEST_SKIP() << "it takes a thread of the child for one of the parent";
  }
  fork_amid_a_post([](IOLoop& loop) {
    loop.after_fork();
    bool ran = false;
    std::thread other([&, handle = loop.handle()] {
      EXPECT_TRUE(handle.add_callback([&] {
        ran = true;
        loop.stop();
      }));
    });
    loop.start();
    other.join();
    EXPECT_TRUE(ran);
  });
}

}  // namespace
}  // namespace tornado::test
