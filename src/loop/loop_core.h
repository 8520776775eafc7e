// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <string_view>
#include <thread>

#include "loop/handler_table.h"
#include "loop/loop_hooks.h"
#include "loop/mailbox.h"
#include "loop/pending_calls.h"
#include "loop/signal_watch.h"
#include "loop/sleep_policy.h"
#include "loop/timer_queue.h"
#include "loop/watchdog.h"
#include "poller/poller.h"
#include "tornado/coroutine_frame.h"
#include "tornado/ioloop.h"

namespace tornado {

/// Whether this process, or the one it was forked from, has an IOLoop that is not
/// closed.
bool any_loop_open() noexcept;

/// Logs `what`, and the exception that is being handled.
void log_failure(const char* what, std::string_view trace = {}) noexcept;
/// The same, of a callback added at `where`, or of the task that left `trace`.
void log_exception(const std::source_location& where,
                   std::string_view trace = {}) noexcept;

/// The parts of a loop, and how a turn plays them.
struct IOLoop::Impl {
  Impl(IOLoop& loop, const Options& options);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  class Run;  // a start() under way

  // The life of a loop (loop_core.cpp).
  /// Throws unless this thread may change the loop now.
  void check(std::string_view act) const {
    if (!usable_here()) refuse(act);
  }
  [[nodiscard]] bool usable_here() const noexcept {
    return !closed && mailbox->ours() && (!running || mailbox->runs_here());
  }
  [[noreturn]] void refuse(std::string_view act) const;
  /// Calls `act(impl)`, which takes something back, and gives its result. While another
  /// thread runs the loop, that thread calls it in its next turn, and this gives false.
  template <class F>
  static bool take_back(Mailbox& mailbox, F act) noexcept {
    IOLoop* const loop = mailbox.owner();
    if (!loop) return false;
    if (!mailbox.runs_elsewhere()) return act(*loop->impl_);
    post_taking_back(mailbox, [loop, act] { act(*loop->impl_); });
    return false;
  }
  static void post_taking_back(Mailbox& mailbox, Callback act) noexcept;
  void add(NativeFd fd, Handler handler, Events events, const Location& where);
  void check_new(NativeFd fd, Events events) const;
  void watch(HandlerTable::Entry& entry, Events events);
  void unwatch(HandlerTable::Entry& entry) noexcept;
  void pause(HandlerTable::Entry& entry) noexcept;
  void change_interest(HandlerTable::Entry& entry, Events events);
  void apply_changes();
  void apply_change(HandlerTable::Entry& entry);
  // Taking back: also from a closed loop, and from a forked child's copy of one.
  void remove(HandlerTable::Entry& entry) noexcept;
  bool remove(TimeoutHandle timeout) noexcept;
  void remove_signal(int signal) noexcept;
  void close(bool all_fds) noexcept;
  void close_descriptors() noexcept;
  std::exception_ptr rebuild_poller(PollerKind kind);
  std::exception_ptr watch_all() noexcept;
  void after_fork();

  [[nodiscard]] std::unique_ptr<Poller> new_poller(PollerKind kind) const;
  /// Whether poll stands in, for want of descriptors, for the loop's own poller.
  [[nodiscard]] bool stands_in() const noexcept {
    return poller->kind() != poller_kind;
  }
  [[nodiscard]] TimePoint now() const noexcept {
    return hooks ? hooks->now() : Clock::now();
  }

  // A turn (turn.cpp).
  void run();
  void run_ready();
  void run_from_signals();
  void run_callbacks(std::uint64_t most);
  void run_added_callbacks();
  void find_due_timeouts();
  void run_due_timeouts();
  void run_tasks();
  void run_calls();
  void run_woken();
  void check_ours() const;
  /// False: it is to close, or became the parent process's.
  [[nodiscard]] bool goes_on() const noexcept { return !closing && mailbox->ours(); }
  [[nodiscard]] bool ran_remote_callbacks() const noexcept;
  void wait();
  void look();
  [[nodiscard]] bool fall_asleep() noexcept;
  void sleep(std::chrono::nanoseconds timeout);
  [[nodiscard]] std::chrono::nanoseconds time_to_wait();
  [[nodiscard]] bool woken() const noexcept;
  void answer_waker();
  void heal_waker();
  void watch_waker();
  void dispatch();
  [[nodiscard]] static Events take_events(HandlerTable::Entry& entry,
                                          Events found) noexcept;
  void drop_stale_registration();
  void heal_poller();
  void note_poller(const std::exception_ptr& failure) noexcept;
  template <class F>
  void call(const Location& where, F&& function);
  void on_exception(const Location& where, std::string_view trace = {});

  const std::uint32_t id;
  LoopHooks* const hooks;
  std::unique_ptr<Poller> poller;  // null once the loop is closed
  // Another after a rebuild, if io_uring is forbidden by then.
  std::atomic<PollerKind> poller_kind;
  const TurnPolicy turn_policy;
  SleepPolicy sleep_policy;
  std::shared_ptr<Mailbox> mailbox;
  const LoopHandle handle{mailbox};
  HandlerTable handlers;
  TimerQueue timers;
  struct SignalEntry {
    SignalHandler handler;
    Location where;
  };
  std::map<int, std::shared_ptr<SignalEntry>> signal_handlers;
  UnblockedSignals unblocked;  // of the thread that runs the loop
  detail::TaskScheduler tasks;
  detail::PendingCalls calls;
  TurnMonitor monitor;
  std::unique_ptr<Watchdog> watchdog;

  // What a turn has begun. Members, so that an exception that leaves start() loses
  // nothing of it.
  CallbackList batch;
  std::vector<TimerQueue::Id> due;
  std::size_t due_next = 0;
  std::span<const Ready> ready;

  ExceptionPolicy policy = ExceptionPolicy::log;
  std::shared_ptr<ExceptionHandler> exception_handler;
  bool waker_edge = false;     // wakes arrive as edges, and nothing is ever read
  bool waker_broken = false;   // no way to be woken: looks now and then
  bool poller_broken = false;  // some are not watched: tried again at next_heal
  TimePoint next_heal{};
  std::uint8_t looks = 0;  // modulo 256
  bool stale_seen = false;
  bool dispatching = false;
  std::atomic<bool> running{false};
  std::atomic<bool> closing{false};
  std::atomic<bool> close_all_fds{false};
  std::atomic<bool> closed{false};

  // Written by the loop's thread, read by any.
  std::atomic<std::size_t> batch_waiting{0};
  std::atomic<std::uint64_t> callbacks_run{0};
  std::atomic<std::uint64_t> timeouts_run{0};
  std::atomic<std::uint64_t> events_dispatched{0};
  std::atomic<std::uint64_t> pollers_rebuilt{0};
  std::atomic<std::int64_t> nanoseconds_asleep{0};
};

}  // namespace tornado
