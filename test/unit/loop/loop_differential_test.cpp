// SPDX-License-Identifier: Apache-2.0
// One random script, run on a loop of each poller, must call the same things.
#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>

#include "every_loop.h"
#include "poller/comparable.h"
#include "support/scale.h"
#include "support/streams.h"
#include "support/wait.h"
#include "tornado/log.h"

namespace tornado::test {
namespace {

/// What was called during one step. The pollers may report descriptors in any order;
/// everything else keeps its order.
struct Heard {
  std::vector<std::string> in_order;
  std::vector<std::string> events;

  std::string text() {
    std::ranges::sort(events);
    std::string all;
    for (const auto& one : in_order) all += one + " ";
    for (const auto& one : events) all += one + " ";
    return all;
  }
};

class Script {
 public:
  Script(PollerKind kind, std::uint64_t seed) : kind_(kind), random_(seed) {
    open();
    for (std::size_t i = 0; i < pairs_.size(); ++i) pairs_[i] = make_socket_pair();
  }

  std::string step() {
    act();
    // With two looks at the descriptors: what the first calls may add.
    loop_->add_callback([this] { stop_after(2); });
    loop_->start();
    return std::exchange(heard_, Heard()).text();
  }

 private:
  using Act = void (Script::*)();

  void open() { loop_.emplace(IOLoop::Options{kind_, WakerKind::best, false}); }
  void stop_after(int turns) {
    if (turns == 0) return loop_->stop();
    loop_->add_callback([this, turns] { stop_after(turns - 1); });
  }

  static const auto& acts() {
    static constexpr Act all[] = {
        &Script::add,         &Script::add,         &Script::update,
        &Script::update,      &Script::remove,      &Script::write,
        &Script::write,       &Script::drain,       &Script::hang_up,
        &Script::post,        &Script::post_nested, &Script::post_throw,
        &Script::timers,      &Script::far_timer,   &Script::cancel,
        &Script::from_signal, &Script::stop};
    return all;
  }
  void act() {
    const std::size_t i = random_.below(std::size(acts()) + 1);
    if (i == std::size(acts())) return end();
    (this->*acts()[i])();
  }
  // Every act on a closed loop, from a destructor that closes it and afterwards. Then
  // another loop.
  void end() {
    const bool at_once = random_.below(2) == 0;
    const auto all = [this](const char* when) {
      for (const Act one : acts()) note_error(when, error_of([&] { (this->*one)(); }));
    };
    auto last = std::shared_ptr<void>(this, [all](void*) { all("closing"); });
    loop_->call_later(1h, [last = std::move(last)] {});
    if (!at_once) loop_->add_callback([this] { loop_->close(); });
    at_once ? loop_->close() : loop_->start();
    all("closed");
    open();
  }

  std::size_t any() { return random_.below(pairs_.size()); }
  NativeFd ours(std::size_t i) const { return pairs_[i].first.get(); }
  Events any_interest() {
    static constexpr Events some[] = {Events::read, Events::write,
                                      Events::read | Events::write, Events::none};
    return some[random_.below(4)];
  }
  void note(std::string what) { heard_.in_order.push_back(std::move(what)); }
  void note_error(const char* act, const std::error_code& error) {
    if (error) note(std::string(act) + "=" + std::to_string(error.value()));
  }

  void add() {
    const std::size_t i = any();
    const int behaviour = static_cast<int>(random_.below(4));
    const Events interest = any_interest();
    note_error("add", error_of([&] {
                 loop_->add_handler(
                     ours(i),
                     [this, i, behaviour](NativeFd, Events e) { on(i, behaviour, e); },
                     interest);
               }));
  }
  void on(std::size_t i, int behaviour, Events events) {
    heard_.events.push_back(
        "e" + std::to_string(i) + ":" +
        std::to_string(static_cast<int>(comparable_to_handlers(events))));
    switch (behaviour) {
      case 0:
        loop_->remove_handler(ours(i));
        break;
      case 1:
        test::drain(ours(i));
        loop_->update_handler(ours(i), Events::read);
        break;
      case 2:
        loop_->update_handler(ours(i), Events::none);
        break;
      default:
        test::drain(ours(i));
        loop_->remove_handler(ours(i));
        throw std::runtime_error("from a handler");
    }
  }
  void update() {
    const std::size_t i = any();
    const Events interest = any_interest();
    note_error("update", error_of([&] { loop_->update_handler(ours(i), interest); }));
  }
  void remove() { loop_->remove_handler(ours(any())); }
  void write() {
    const std::size_t i = any();
    if (pairs_[i].second)
      note("w" + std::to_string(try_write(pairs_[i].second.get(), 1)));
  }
  void drain() { note("d" + std::to_string(test::drain(ours(any())))); }
  void hang_up() {
    const std::size_t i = any();
    if (pairs_[i].second) {
      pairs_[i].second.reset();
      return;
    }
    loop_->remove_handler(ours(i));
    pairs_[i] = make_socket_pair();
  }
  void post() {
    const std::uint64_t n = ++posted_;
    loop_->add_callback([this, n] { note("c" + std::to_string(n)); });
  }
  void post_nested() {
    const std::uint64_t n = ++posted_;
    loop_->add_callback([this, n] {
      note("n" + std::to_string(n));
      loop_->add_callback([this, n] { note("nn" + std::to_string(n)); });
      loop_->call_at(TimePoint(), [this, n] { note("nt" + std::to_string(n)); });
    });
  }
  void post_throw() {
    loop_->add_callback([this] {
      note("throw");
      throw std::runtime_error("from a callback");
    });
  }
  void timers() {
    const std::uint64_t n = ++posted_;
    for (int i = 3; i-- > 0;) {
      const TimePoint past{std::chrono::nanoseconds(1 + random_.below(3))};
      loop_->call_at(past, [this, n, i, past] {
        note("t" + std::to_string(n) + "." + std::to_string(i) + "@" +
             std::to_string(past.time_since_epoch().count()));
      });
    }
  }
  void far_timer() {
    far_.push_back(loop_->call_later(1h, [this] { note("far"); }));
  }
  void cancel() {
    if (far_.empty()) return;
    std::swap(far_[random_.below(far_.size())], far_.back());
    note(loop_->remove_timeout(far_.back()) ? "cancelled" : "not cancelled");
    far_.pop_back();
  }
  void from_signal() {
    (void)loop_->add_callback_from_signal([this] { note("s"); });
  }
  void stop() { loop_->stop(); }

  const PollerKind kind_;
  Random random_;
  std::array<FdPair, 8> pairs_;
  std::vector<TimeoutHandle> far_;
  std::uint64_t posted_ = 0;
  Heard heard_;
  std::optional<IOLoop> loop_;
};

TEST(IOLoopDifferential, the_same_script_calls_the_same_on_every_poller) {
  const LogSink before = set_log_sink([](LogLevel, std::string_view) noexcept {});
  const auto kinds = comparable_kinds();
  const std::uint64_t seed = test_seed();
  const std::uint64_t scripts = scaled(100);
  const int steps = 500;
  std::uint64_t compared = 0;
  std::uint64_t calls = 0;
  for (std::uint64_t s = 0; s < scripts && !HasFailure(); ++s) {
    std::vector<std::unique_ptr<Script>> all;
    for (const PollerKind kind : kinds) {
      all.push_back(std::make_unique<Script>(kind, seed + s));
    }
    for (int step = 0; step < steps && !HasFailure(); ++step) {
      const std::string expected = all[0]->step();
      calls += static_cast<std::uint64_t>(std::ranges::count(expected, ' '));
      for (std::size_t i = 1; i < all.size(); ++i) {
        EXPECT_EQ(all[i]->step(), expected)
            << to_string(kinds[i]) << " against " << to_string(kinds[0]) << ", script "
            << s << ", step " << step;
      }
      ++compared;
    }
  }
  set_log_sink(before);
  std::cout << "    " << compared << " steps on " << kinds.size() << " pollers, "
            << calls << " calls each, no difference\n";
  EXPECT_GT(calls, compared / 2);
}

}  // namespace
}  // namespace tornado::test
