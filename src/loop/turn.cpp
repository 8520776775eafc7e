// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>

#include "loop/loop_core.h"
#include "platform/sync_point.h"
#include "platform/system_error.h"

namespace tornado {
namespace {

using std::chrono::nanoseconds;

// If wakes may fail, or descriptors are missing.
constexpr nanoseconds short_wait = std::chrono::milliseconds(100);
constexpr std::uint64_t no_limit = ~std::uint64_t{0};
constexpr std::uint64_t most_callbacks = 64;  // a power of two
constexpr int most_calls = 256;
constexpr std::chrono::microseconds longest_run{20};
constexpr std::size_t prefetch_distance = 8;  // timeouts

// One thread writes, so that the read and the write need not be one step.
template <class T>
void count(std::atomic<T>& counter, std::type_identity_t<T> more = 1) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + more,
                std::memory_order_relaxed);
}

nanoseconds no_longer_than(nanoseconds limit, nanoseconds wait) noexcept {
  return wait < wait.zero() || wait > limit ? limit : wait;
}

/// True for as long as this lives, also when an exception ends it.
class Flagged {
 public:
  explicit Flagged(bool& flag) noexcept : flag_(flag) { flag_ = true; }
  ~Flagged() { flag_ = false; }
  Flagged(const Flagged&) = delete;
  Flagged& operator=(const Flagged&) = delete;

 private:
  bool& flag_;
};

/// Removes the first of the list at its end, also if that is an exception.
template <class List>
class Spent {
 public:
  explicit Spent(List& list) noexcept : list_(list) {}
  ~Spent() { list_.pop_front(); }
  Spent(const Spent&) = delete;
  Spent& operator=(const Spent&) = delete;

 private:
  List& list_;
};

}  // namespace

void IOLoop::Impl::run() {
  // A callback that was posted before the loop ran does not announce more.
  mailbox->queue().fetch();
  for (;;) {
    if (monitor.begin_turn() && watchdog) watchdog->turn_began();
    dispatch();
    sync_point(SyncPoint::turn_dispatched);
    if (!closing) run_ready();
    if (closing || mailbox->take_stop()) return;
    monitor.end_turn();
    wait();
  }
}

// Runs the work that was there when the turn began. Later work waits for the next turn,
// so that a callback that adds another each time does not starve the descriptors.
void IOLoop::Impl::run_ready() {
  find_due_timeouts();
  run_from_signals();
  run_callbacks(no_limit);
  if (turn_policy == TurnPolicy::bounded) run_added_callbacks();
  run_due_timeouts();
  run_tasks();
  run_calls();
  tasks.end_turn();
}

void IOLoop::Impl::run_added_callbacks() {
  const auto over = [this] {
    const bool none = batch.empty() && mailbox->queue().size() == 0;
    return none || closing || mailbox->stop_requested();
  };
  if (over()) return;
  const TimePoint end = now() + longest_run;
  // The clock costs more than a callback. Asked after twice as many each time, it is
  // asked seldom, and alike ones run for no more than twice as long as they may.
  for (std::uint64_t run = 0, look = 1; look <= most_callbacks; look *= 2) {
    while (run < look) {
      const std::uint64_t before = callbacks_run;
      run_callbacks(look - run);
      run += callbacks_run - before;
      if (over()) return;
    }
    if (now() >= end) return;
  }
}

void IOLoop::Impl::run_from_signals() {
  mailbox->take_signals([this](int signal) {
    const auto found = signal_handlers.find(signal);
    if (found == signal_handlers.end() || closing) return;
    count(callbacks_run);
    // Kept, as it may remove itself.
    call(found->second->where,
         [entry = found->second, signal] { entry->handler(signal); });
  });
  mailbox->take_arrivals();
  SignalRing& ring = mailbox->ring();
  SignalRing::Item item;
  for (auto left = ring.size(); left > 0 && !closing && ring.pop(item); --left) {
    count(callbacks_run);
    call(Location(), [&item] { item.invoke(item.bytes); });
  }
}

void IOLoop::Impl::run_callbacks(std::uint64_t most) {
  if (batch.empty()) mailbox->queue().take(batch);
  for (; !batch.empty() && most > 0 && !closing; --most) {
    const Spent once(batch);
    count(callbacks_run);
    batch_waiting.store(batch.size() - 1, std::memory_order_relaxed);
    call(batch.front().where(), [this] { batch.front().call(); });
  }
}

void IOLoop::Impl::find_due_timeouts() {
  // The clock is read where it matters only: it costs as much as some callbacks.
  if (due_next < due.size() || timers.size() == 0) return;
  due.clear();
  due_next = 0;
  timers.collect_due(now(), due);
  sync_point(SyncPoint::timeouts_found);
}

void IOLoop::Impl::run_due_timeouts() {
  while (due_next < due.size() && !closing) {
    if (const std::size_t later = due_next + prefetch_distance; later < due.size()) {
      timers.prefetch(due[later]);
    }
    TimeoutCallback next = timers.take(due[due_next++]);
    if (!next.callback) continue;  // removed by one before it
    count(timeouts_run);
    call(next.where, next.callback);
  }
}

void IOLoop::Impl::run_tasks() {
  if (!tasks.has_ready()) return;
  tasks.begin_turn(now().time_since_epoch());
  while (!closing && tasks.run_some()) check_ours();
}

// At once, while what the handler has read is in the processor's cache.
void IOLoop::Impl::run_woken() {
  while (tasks.has_woken() && !closing) {
    tasks.run_woken();
    check_ours();
  }
  run_calls();
}

// User code may have forked, and this be the child: what waits is the parent's.
void IOLoop::Impl::check_ours() const {
  if (!mailbox->ours()) throw_error(Errc::loop_forked, "start");
}

// A callback that begins an operation whose result is there is followed by another at
// once, so that bytes in a buffer cost no look at the descriptors each.
void IOLoop::Impl::run_calls() {
  for (int left = most_calls; left > 0 && calls.has_ready() && !closing; --left) {
    count(callbacks_run);
    call(Location(), [this] { calls.run_next(); });
  }
}

nanoseconds IOLoop::Impl::time_to_wait() {
  const bool left_over = !batch.empty() || mailbox->queue().size() > 0 ||
                         tasks.has_ready() || calls.has_ready();
  if (left_over || mailbox->stop_requested()) return nanoseconds::zero();
  nanoseconds wait{-1};
  if (const TimePoint next = timers.next_deadline(); next != (TimePoint::max)()) {
    const TimePoint current = now();
    wait = next > current ? next - current : nanoseconds::zero();
  }
  const bool broken = waker_broken || poller_broken;
  return broken ? no_longer_than(short_wait, wait) : wait;
}

// Whether the turn ran callbacks of threads on other processors. A thread that shares
// this loop's processor posts nothing while the loop looks.
bool IOLoop::Impl::ran_remote_callbacks() const noexcept {
  return mailbox->queue().fetched() > 0 && !mailbox->woken_from_here();
}

void IOLoop::Impl::wait() {
  if (handlers.has_changes()) apply_changes();
  if (poller_broken && now() >= next_heal) heal_poller();
  ++looks;
  const std::uint64_t done = callbacks_run + timeouts_run + events_dispatched;
  const bool may_sleep = sleep_policy.may_sleep(done, ran_remote_callbacks());
  const nanoseconds timeout = may_sleep ? time_to_wait() : nanoseconds::zero();
  if (timeout == timeout.zero()) return look();
  sync_point(SyncPoint::wait_timed);
  sleep(fall_asleep() ? timeout : nanoseconds::zero());
  sync_point(SyncPoint::wait_ended);
  answer_waker();
  sync_point(SyncPoint::wait_answered);
}

// No thread needs to wake the loop, so the waker is answered only where its descriptor
// would stay ready.
void IOLoop::Impl::look() {
  ready = poller->wait(nanoseconds::zero());
  if (!waker_edge && woken()) answer_waker();
}

// From here on a thread that posts writes to the waker. False: one has posted already.
bool IOLoop::Impl::fall_asleep() noexcept {
  return mailbox->waker().arm() && mailbox->queue().fall_asleep();
}

void IOLoop::Impl::sleep(nanoseconds timeout) {
  if (timeout == timeout.zero()) {
    ready = poller->wait(timeout);
    return;
  }
  sync_point(SyncPoint::wait_armed);
  const TimePoint before = now();
  ready = poller->wait(timeout);
  count(nanoseconds_asleep, (now() - before).count());
}

bool IOLoop::Impl::woken() const noexcept {
  return std::ranges::any_of(ready,
                             [](const Ready& one) { return one.token == waker_token; });
}

// Reads the descriptor, then exchanges the flag, then (in run_ready) looks at what was
// published: in any other order a wake is lost.
void IOLoop::Impl::answer_waker() {
  LoopWaker& waker = mailbox->waker();
  const bool to_read = !waker_edge && woken();
  if (!to_read) waker.disarm();
  if (waker_broken || (to_read && !waker.drain_and_disarm())) heal_waker();
}

void IOLoop::Impl::heal_waker() {
  if (!waker_broken) poller->remove(mailbox->waker().fileno());
  try {
    mailbox->waker().rebuild();
    watch_waker();
    waker_broken = false;
  } catch (const std::exception&) {
    if (!waker_broken) {
      log_failure("IOLoop: cannot rebuild the waker; trying again");
    }
    waker_broken = true;
  }
}

void IOLoop::Impl::watch_waker() {
  LoopWaker& waker = mailbox->waker();
  const bool edge =
      waker.kind() == WakerKind::eventfd && has(poller->modes(), Events::edge);
  poller->add(waker.fileno(), edge ? Events::read | Events::edge : Events::read,
              waker_token);
  waker.set_port(poller->wake_port());
  waker_edge = edge;
}

void IOLoop::Impl::dispatch() {
  const Flagged during(dispatching);
  run_woken();  // an exception may have left start() between them
  while (!ready.empty() && !closing) {
    const Ready one = ready.front();
    ready = ready.subspan(1);
    if (one.token == waker_token) continue;
    HandlerTable::Entry* entry = handlers.find_token(one.token);
    if (!entry) {
      stale_seen |= !handlers.knows_token(one.token);
      continue;
    }
    if (entry->interest == Events::none) {
      // Paused in this turn; or before this look, and the poller still reports it.
      stale_seen |= entry->applied == Events::none && entry->unwatched != looks;
      continue;
    }
    const Events events = take_events(*entry, one.events);
    if (events == Events::none) continue;  // its interest has changed in this turn
    count(events_dispatched);
    call(entry->where, [entry, events] { entry->handler(entry->fd, events); });
    run_woken();
  }
  handlers.reclaim();
  if (stale_seen) drop_stale_registration();
}

// What of `found` the handler is told. A one_shot has fired by that, and is paused.
Events IOLoop::Impl::take_events(HandlerTable::Entry& entry, Events found) noexcept {
  Events events = found & (entry.interest | Events::error);
  if (has(events, Events::error)) {
    events |= entry.interest & (Events::read | Events::write);
  }
  // The poller reports an edge once, unless it is told again to look.
  const bool left_out = has(found & ~events, Events::read | Events::write);
  if (left_out && has(entry.applied, Events::edge)) entry.owed = true;
  if (events != Events::none && has(entry.interest, Events::one_shot)) {
    entry.interest = Events::none;
  }
  return events;
}

// An event without a handler: its descriptor was closed before it was removed, and
// a duplicate, perhaps in a child, keeps the file in the kernel's set, where its number
// cannot reach it any more. The kernel would report it in each turn.
void IOLoop::Impl::drop_stale_registration() {
  stale_seen = false;
  count(pollers_rebuilt);
  try {
    return note_poller(rebuild_poller(poller_kind));
  } catch (...) {
  }
  // poll needs no descriptor, and gives that of the old set back, for another try.
  try {
    (void)rebuild_poller(PollerKind::poll);
    heal_poller();
  } catch (...) {
    note_poller(std::current_exception());
  }
}

void IOLoop::Impl::heal_poller() {
  next_heal = now() + short_wait;
  try {
    note_poller(stands_in() ? rebuild_poller(poller_kind) : watch_all());
  } catch (...) {
    note_poller(std::current_exception());
  }
}

// Said once, and tried again until all are watched.
void IOLoop::Impl::note_poller(const std::exception_ptr& failure) noexcept {
  const bool known = std::exchange(poller_broken, failure != nullptr);
  if (!failure || known) return;
  try {
    std::rethrow_exception(failure);
  } catch (...) {
    log_failure("IOLoop: cannot watch all descriptors; trying again");
  }
}

template <class F>
void IOLoop::Impl::call(const Location& where, F&& function) {
  monitor.running.store(where, std::memory_order_relaxed);
  try {
    function();
  } catch (...) {
    monitor.running.store({}, std::memory_order_relaxed);
    detail::pass_end_of_thread();
    on_exception(where);
  }
  monitor.running.store({}, std::memory_order_relaxed);
  check_ours();
}

void IOLoop::Impl::on_exception(const Location& where, std::string_view trace) {
  // Kept, as it may replace itself.
  if (const auto handler = exception_handler) {
    (*handler)(std::current_exception());
  } else if (policy == ExceptionPolicy::rethrow) {
    throw;
  } else {
    log_exception(where, trace);
  }
}

}  // namespace tornado
