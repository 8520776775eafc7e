// SPDX-License-Identifier: Apache-2.0
// Every call of a loop in every phase of its end: what the header promises, in a table.
#include <functional>
#include <memory>

#include "every_loop.h"
#include "support/child.h"
#include "support/deliver.h"
#include "support/open_numbers.h"
#include "support/wait.h"
#include "tornado/log.h"
#include "tornado/periodic_callback.h"
#include "tornado/task.h"

namespace tornado::test {
namespace {

/// A loop with one of everything that can be taken back.
struct Scene {
  explicit Scene(PollerKind kind) : loop({kind, WakerKind::best, false}) {
    loop.add_handler(
        pipe.first.get(), [](NativeFd, Events) {}, Events::read);
    loop.add_signal_handler(a_signal, [](int) {});
    ticks->start();
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  FdPair pipe = make_pipe();
  FdPair other = make_pipe();
  IOLoop loop;
  TimeoutHandle timeout = loop.call_later(1h, [] {});
  Registration owned{loop, other.second.get(), [](NativeFd, Events) {}, Events::none};
  Registration kept{loop, pipe.second.get(), [](NativeFd, Events) {}, Events::none};
  Timeout owned_timeout{loop, 1h, [] {}};
  Timeout kept_timeout{loop, 1h, [] {}};
  std::unique_ptr<PeriodicCallback> ticks = std::make_unique<PeriodicCallback>(
      loop, [] {}, 1h);
  PeriodicCallback stopped{loop, [] {}, 1h};
};

enum class Answer { nothing, yes, no, refused };

struct Call {
  const char* name;
  std::function<Answer(Scene&)> call;
  Answer when_gone;       ///< closed, closing by a destructor, or the parent's
  Answer when_elsewhere;  ///< while another thread runs it
};

template <class F>
std::function<Answer(Scene&)> quiet(F f) {
  return [f](Scene& scene) {
    f(scene);
    return Answer::nothing;
  };
}
template <class F>
std::function<Answer(Scene&)> tells(F f) {
  return [f](Scene& scene) { return f(scene) ? Answer::yes : Answer::no; };
}

// In the order of the header. Calls that take back come first: what they took back
// stays so.
const std::vector<Call>& calls() {
  using enum Answer;
  static const std::vector<Call> all = {
      {"remove_handler",
       quiet([](Scene& s) { s.loop.remove_handler(s.pipe.first.get()); }), nothing,
       nothing},
      {"remove_handler of a stranger",
       quiet([](Scene& s) { s.loop.remove_handler(s.other.first.get()); }), nothing,
       nothing},
      {"remove_timeout", quiet([](Scene& s) { s.loop.remove_timeout(s.timeout); }),
       nothing, nothing},
      {"remove_timeout again",
       tells([](Scene& s) { return s.loop.remove_timeout(s.timeout); }), no, no},
      {"Registration::reset", quiet([](Scene& s) { s.owned.reset(); }), nothing,
       nothing},
      {"Timeout::reset", quiet([](Scene& s) { s.owned_timeout.reset(); }), nothing,
       nothing},
      {"Timeout::reset again", tells([](Scene& s) { return s.owned_timeout.reset(); }),
       no, no},
      {"remove_signal_handler",
       quiet([](Scene& s) { s.loop.remove_signal_handler(a_signal); }), nothing,
       nothing},
      {"PeriodicCallback::stop", quiet([](Scene& s) { s.ticks->stop(); }), nothing,
       nothing},
      {"PeriodicCallback::is_running",
       tells([](Scene& s) { return s.ticks->is_running(); }), no, no},
      {"~PeriodicCallback", quiet([](Scene& s) {
         s.ticks = std::make_unique<PeriodicCallback>(
             s.loop, [] {}, 1h);
       }),
       nothing, nothing},
      {"update_timeout",
       tells([](Scene& s) { return s.loop.update_timeout(s.timeout, s.loop.time()); }),
       no, refused},
      {"add_handler", quiet([](Scene& s) {
         s.loop.add_handler(s.other.first.get(), ignore_events, Events::read);
       }),
       refused, refused},
      {"update_handler",
       quiet([](Scene& s) { s.loop.update_handler(s.pipe.first.get(), Events::none); }),
       refused, refused},
      {"Registration::update", quiet([](Scene& s) { s.kept.update(Events::read); }),
       refused, refused},
      {"Timeout::update",
       tells([](Scene& s) { return s.kept_timeout.update(TimePoint()); }), no, refused},
      {"add_callback", tells([](Scene& s) { return s.loop.add_callback([] {}); }), no,
       yes},
      {"spawn_callback", tells([](Scene& s) { return s.loop.spawn_callback([] {}); }),
       no, yes},
      {"add_callback_from_signal",
       tells([](Scene& s) { return s.loop.add_callback_from_signal([] {}); }), no, yes},
      {"LoopHandle::add_callback",
       tells([](Scene& s) { return s.loop.handle().add_callback([] {}); }), no, yes},
      {"LoopHandle::spawn_callback", tells([](Scene& s) {
         return s.loop.handle().spawn_callback([]() -> Task<> { co_return; }());
       }),
       no, yes},
      {"LoopHandle::closed", tells([](Scene& s) { return s.loop.handle().closed(); }),
       yes, no},
      {"call_at", quiet([](Scene& s) { s.loop.call_at(TimePoint(), [] {}); }), refused,
       refused},
      {"call_later", quiet([](Scene& s) { s.loop.call_later(1h, [] {}); }), refused,
       refused},
      {"PeriodicCallback::start", quiet([](Scene& s) { s.stopped.start(); }), refused,
       refused},
      {"add_signal_handler",
       quiet([](Scene& s) { s.loop.add_signal_handler(another_signal, [](int) {}); }),
       refused, refused},
      {"start", quiet([](Scene& s) { s.loop.start(); }), refused, refused},
      {"run_sync", quiet([](Scene& s) { s.loop.run_sync([] {}); }), refused, refused},
      {"set_exception_policy",
       quiet([](Scene& s) { s.loop.set_exception_policy(ExceptionPolicy::log); }),
       refused, refused},
      {"handle_callback_exception", quiet([](Scene& s) {
         s.loop.handle_callback_exception([](const std::exception_ptr&) {});
       }),
       refused, refused},
      {"set_blocking_log_threshold",
       quiet([](Scene& s) { s.loop.set_blocking_log_threshold(0s); }), refused,
       refused},
      {"make_current",
       quiet([](Scene& s) { s.loop.make_current(), IOLoop::clear_current(); }), nothing,
       nothing},
      {"time, poller, counters", quiet([](Scene& s) {
         (void)s.loop.time(), (void)s.loop.poller(), (void)s.loop.counters();
       }),
       nothing, nothing},
      {"close", quiet([](Scene& s) { s.loop.close(); }), nothing, nothing},
      {"close again", quiet([](Scene& s) { s.loop.close(true); }), nothing, nothing},
      {"stop", quiet([](Scene& s) { s.loop.stop(); }), nothing, nothing},
  };
  return all;
}

void expect_all(Scene& scene, Answer Call::*expected, Errc refusal) {
  for (const Call& one : calls()) {
    Answer given = Answer::refused;
    std::error_code error;
    try {
      given = one.call(scene);
    } catch (const std::system_error& thrown) {
      error = thrown.code();
    }
    EXPECT_EQ(given, one.*expected) << one.name << ": " << error.message();
    if (given == Answer::refused) {
      EXPECT_EQ(error, refusal) << one.name;
    }
  }
}

struct LifeCalls : EveryLoop {
  void expect_gone(Scene& scene) {
    expect_all(scene, &Call::when_gone, Errc::loop_closed);
    EXPECT_EQ(error_of([&] { scene.loop.after_fork(); }), Errc::loop_closed);
    EXPECT_EQ(scene.loop.handle().loop(), nullptr);
  }
};

TEST_P(LifeCalls, answer_on_a_closed_loop) {
  Scene scene(GetParam());
  scene.loop.close();
  expect_gone(scene);
}

TEST_P(LifeCalls, answer_on_a_loop_that_its_callback_closed) {
  Scene scene(GetParam());
  scene.loop.add_callback([&] { scene.loop.close(); });
  scene.loop.start();
  expect_gone(scene);
}

TEST_P(LifeCalls, take_back_between_close_and_its_effect) {
  Scene scene(GetParam());
  scene.loop.add_callback([&] {
    scene.loop.close();
    scene.loop.remove_handler(scene.pipe.first.get());
    EXPECT_TRUE(scene.loop.remove_timeout(scene.timeout));
    scene.loop.remove_signal_handler(a_signal);
    scene.ticks->stop();
    EXPECT_EQ(scene.loop.handle().loop(), &scene.loop);
  });
  scene.loop.start();
  expect_gone(scene);
}

TEST_P(LifeCalls, answer_in_a_forked_child) {
  Scene scene(GetParam());
  EXPECT_TRUE(
      passes_in_child([&] { expect_all(scene, &Call::when_gone, Errc::loop_forked); }));
  scene.loop.add_callback([&] { scene.loop.stop(); });
  scene.loop.start();
  EXPECT_TRUE(scene.loop.remove_timeout(scene.timeout)) << "it is the parent's";
}

TEST_P(LifeCalls, answer_in_a_child_of_another_thread) {
  Scene scene(GetParam());
  scene.loop.add_callback([&] {
    Thread([&] {
      EXPECT_TRUE(passes_in_child(
          [&] { expect_all(scene, &Call::when_gone, Errc::loop_forked); }));
    }).join();
    scene.loop.stop();
  });
  scene.loop.start();
}

TEST_P(LifeCalls, answer_on_another_thread_while_the_loop_runs) {
  Scene scene(GetParam());
  Thread other([&] {
    wait_until([&] { return scene.loop.running(); });
    expect_all(scene, &Call::when_elsewhere, Errc::wrong_thread);
  });
  scene.loop.start();
  other.join();
  expect_gone(scene);
}

/// Does what it holds when it is destroyed.
struct Guard {
  explicit Guard(std::function<void()> body)
      : last(new int, [b = std::move(body)](int* p) {
          delete p;
          b();
        }) {}
  std::shared_ptr<int> last;
};

/// What a loop may own.
const std::vector<std::pair<const char*, std::function<void(Scene&, Guard)>>>&
owners() {
  static const std::vector<std::pair<const char*, std::function<void(Scene&, Guard)>>>
      all = {{"callback", [](Scene& s, Guard g) { s.loop.add_callback([g] {}); }},
             {"spawned", [](Scene& s, Guard g) { s.loop.spawn_callback([g] {}); }},
             {"timeout", [](Scene& s, Guard g) { s.loop.call_later(1h, [g] {}); }},
             {"handler",
              [](Scene& s, Guard g) {
                s.loop.add_handler(
                    s.other.first.get(), [g](NativeFd, Events) {}, Events::read);
              }},
             {"signal handler",
              [](Scene& s, Guard g) {
                s.loop.add_signal_handler(another_signal, [g](int) {});
              }},
             {"exception handler",
              [](Scene& s, Guard g) {
                s.loop.handle_callback_exception([g](const std::exception_ptr&) {});
              }},
             {"batch",
              [](Scene& s, Guard g) {  // left by an exception
                s.loop.set_exception_policy(ExceptionPolicy::rethrow);
                s.loop.add_callback([] { throw 1; });
                s.loop.add_callback([g] {});
                EXPECT_THROW(s.loop.start(), int);
              }},
             {"periodic callback", [](Scene& s, Guard g) {
                PeriodicCallback* const ticks = new PeriodicCallback(
                    s.loop, [g] {}, 1h);
                ticks->start();
                s.loop.call_later(
                    1h, [owned = std::shared_ptr<PeriodicCallback>(ticks)] {});
              }}};
  return all;
}

TEST_P(LifeCalls, answer_in_every_destructor_that_close_runs) {
  for (const auto& [owner, own] : owners()) {
    for (const bool all_fds : {false, true}) {
      SCOPED_TRACE(owner);
      Scene scene(GetParam());
      bool destroyed = false;
      own(scene, Guard([&] {
            destroyed = true;
            expect_all(scene, &Call::when_gone, Errc::loop_closed);
          }));
      scene.loop.close(all_fds);
      EXPECT_TRUE(destroyed);
      if (all_fds) (void)scene.other.first.release();
    }
  }
}

TEST_P(LifeCalls, answer_in_every_destructor_of_a_forked_child) {
  for (const auto& [owner, own] : owners()) {
    SCOPED_TRACE(owner);
    Scene scene(GetParam());
    bool in_child = false;
    own(scene, Guard([&] {
          if (in_child) expect_all(scene, &Call::when_gone, Errc::loop_closed);
        }));
    EXPECT_TRUE(passes_in_child([&] {
      in_child = true;
      scene.loop.close();
    }));
  }
}

TEST_P(LifeCalls, what_a_child_took_back_does_not_return_with_after_fork) {
  Scene scene(GetParam());
  put_byte(scene.pipe.second);
  EXPECT_TRUE(passes_in_child([&] {
    scene.loop.remove_handler(scene.pipe.first.get());
    EXPECT_TRUE(scene.loop.remove_timeout(scene.timeout));
    scene.loop.remove_signal_handler(a_signal);
    scene.loop.after_fork();
    EXPECT_EQ(error_of([&] {
                scene.loop.add_handler(scene.pipe.first.get(), ignore_events,
                                       Events::none);
              }),
              std::error_code());
    EXPECT_EQ(error_of([&] { scene.loop.add_signal_handler(a_signal, [](int) {}); }),
              std::error_code());
  }));
  // The parent's set was left alone.
  EXPECT_EQ(error_of([&] {
              scene.loop.add_handler(scene.pipe.first.get(), ignore_events,
                                     Events::read);
            }),
            std::errc::file_exists);
}

TORNADO_ON_EVERY_POLLER(LifeCalls);

}  // namespace
}  // namespace tornado::test
