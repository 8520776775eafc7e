// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>

#include "loop/impl.h"
#include "platform/log.h"
#include "platform/system_error.h"

namespace tornado {
namespace {

using std::chrono::nanoseconds;

constexpr Token waker_token = ~Token{0};
constexpr std::chrono::milliseconds broken_waker_wait{100};
constexpr std::uint64_t most_callbacks = 64;
constexpr std::chrono::microseconds longest_run{20};
constexpr std::size_t stream = 16;  // posts by others within one turn
constexpr std::chrono::microseconds gathering{10};

// One thread writes, so that the read and the write need not be one step.
template <class T>
void count(std::atomic<T>& counter, std::type_identity_t<T> more = 1) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + more,
                std::memory_order_relaxed);
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
class Spent {
 public:
  explicit Spent(CallbackList& list) noexcept : list_(list) {}
  ~Spent() { list_.pop_front(); }
  Spent(const Spent&) = delete;
  Spent& operator=(const Spent&) = delete;

 private:
  CallbackList& list_;
};

}  // namespace

void IOLoop::Impl::run() {
  // What was posted before the loop ran does not announce a stream of more.
  mailbox->queue().fetch();
  for (;;) {
    monitor.begin_turn();
    dispatch();
    if (!closing) run_ready();
    if (closing || mailbox->take_stop()) return;
    monitor.end_turn();
    wait();
  }
}

// What was there when the turn began. What is added meanwhile waits for the next, so
// that nobody who adds to it again and again keeps the loop from its descriptors.
void IOLoop::Impl::run_ready() {
  find_due_timeouts();
  run_from_signals();
  run_callbacks();
  if (turn_policy == TurnPolicy::bounded) run_added_callbacks();
  run_due_timeouts();
}

void IOLoop::Impl::run_added_callbacks() {
  if (mailbox->queue().size() == 0) return;
  const std::uint64_t before = callbacks_run;
  const TimePoint end = Clock::now() + longest_run;
  while (mailbox->queue().size() > 0 && !closing && !mailbox->stop_requested()) {
    run_callbacks();
    const std::uint64_t run = callbacks_run - before;
    if (run >= most_callbacks || (run % 16 == 0 && Clock::now() >= end)) return;
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
  SignalRing& ring = mailbox->ring();
  SignalRing::Item item;
  for (auto left = ring.size(); left > 0 && !closing && ring.pop(item); --left) {
    count(callbacks_run);
    call(Location(), [&item] { item.invoke(item.bytes); });
  }
}

void IOLoop::Impl::run_callbacks() {
  if (batch.empty()) mailbox->queue().take(batch);
  while (!batch.empty() && !closing) {
    const Spent once(batch);
    count(callbacks_run);
    call(batch.front_where(), [this] { batch.call_front(); });
  }
}

void IOLoop::Impl::find_due_timeouts() {
  // The clock is read where it matters only: it costs as much as some callbacks.
  if (due_next < due.size() || timers.size() == 0) return;
  due.clear();
  due_next = 0;
  timers.collect_due(Clock::now(), due);
}

void IOLoop::Impl::run_due_timeouts() {
  while (due_next < due.size() && !closing) {
    QueuedCallback next = timers.take(due[due_next++]);
    if (!next.callback) continue;  // removed by one before it
    count(timeouts_run);
    call(next.where, next.callback);
  }
}

nanoseconds IOLoop::Impl::time_to_wait() {
  // The queue too: a thread that found it empty, and so is the one to wake the loop,
  // may not have come to that yet, and what the loop itself added behind is not to
  // wait.
  const bool left_over =
      !batch.empty() || due_next < due.size() || mailbox->queue().size() > 0;
  if (left_over || mailbox->stop_requested()) return nanoseconds::zero();
  nanoseconds wait{-1};
  if (const TimePoint next = timers.next_deadline(); next != (TimePoint::max)()) {
    const TimePoint now = Clock::now();
    wait = next > now ? next - now : nanoseconds::zero();
  }
  const nanoseconds limit = broken_waker_wait;
  return waker_broken && (wait < wait.zero() || wait > limit) ? limit : wait;
}

bool IOLoop::Impl::did_something() noexcept {
  const std::uint64_t done = callbacks_run + timeouts_run + events_dispatched;
  return std::exchange(done_before, done) != done;
}

// Whoever posts a stream and whoever takes it are in each other's way, each time one of
// them must have the queue's cache lines from the other. Taken in pieces, it flows
// twice as fast.
void IOLoop::Impl::let_posts_gather() {
  if (!spin.on() || mailbox->queue().fetched() < stream) return;
  for (const TimePoint end = Clock::now() + gathering; Clock::now() < end;) {
  }
}

void IOLoop::Impl::wait() {
  let_posts_gather();
  spin.looked(spin_for_all ? did_something() : mailbox->queue().fetched() > 0);
  const nanoseconds timeout = spin.on() ? nanoseconds::zero() : time_to_wait();
  if (timeout == timeout.zero()) {
    // Nobody needs to wake it. Whoever has tried to is answered before it sleeps.
    ready = poller->wait(timeout);
    if (woken() && !waker_edge) answer_waker();
    return;
  }
  // Whoever posts from here on writes to the waker; whoever has posted is seen now.
  if (mailbox->waker().arm()) {
    const TimePoint before = Clock::now();
    ready = poller->wait(timeout);
    count(nanoseconds_asleep, (Clock::now() - before).count());
  } else {
    ready = poller->wait(nanoseconds::zero());
  }
  answer_waker();
}

bool IOLoop::Impl::woken() const noexcept {
  return std::ranges::any_of(ready,
                             [](const Ready& one) { return one.token == waker_token; });
}

// Reads the descriptor, then exchanges the flag, then (in run_ready) looks at what was
// published: in any other order a wake is lost.
void IOLoop::Impl::answer_waker() {
  Waker& waker = mailbox->waker();
  const bool to_read = !waker_edge && woken();
  if (!to_read) waker.disarm();
  if (waker_broken || (to_read && !waker.answer())) heal_waker();
}

void IOLoop::Impl::heal_waker() {
  if (!waker_broken) poller->remove(mailbox->waker().fileno());
  try {
    mailbox->waker().rebuild();
    watch_waker();
    waker_broken = false;
  } catch (const std::exception& error) {
    if (!waker_broken) {
      log(LogLevel::error, std::string("IOLoop: the waker died, and making another "
                                       "failed; trying again: ") +
                               error.what());
    }
    waker_broken = true;
  }
}

void IOLoop::Impl::watch_waker() {
  waker_edge = mailbox->waker().kind() == WakerKind::eventfd &&
               has(poller->modes(), Events::edge);
  poller->add(mailbox->waker().fileno(),
              waker_edge ? Events::read | Events::edge : Events::read, waker_token);
}

void IOLoop::Impl::dispatch() {
  const Flagged during(dispatching);
  while (!ready.empty() && !closing) {
    const Ready one = ready.front();
    ready = ready.subspan(1);
    if (one.token == waker_token) continue;
    HandlerTable::Entry* entry = handlers.find(one.token);
    if (!entry) {
      orphan_seen |= !handlers.knows(one.token);
      continue;
    }
    if (entry->interest == Events::none) continue;  // paused meanwhile
    Events events = one.events & (entry->interest | Events::error);
    if (has(events, Events::error)) {
      events |= entry->interest & (Events::read | Events::write);
    }
    if (events == Events::none) continue;  // its interest has changed meanwhile
    count(events_dispatched);
    call(entry->where, [entry, events] { entry->handler(entry->fd, events); });
  }
  handlers.reclaim();
  if (orphan_seen) shed_orphan();
}

// An event that belongs to nobody: its descriptor was closed before it was removed, and
// a duplicate, perhaps in a child, keeps the file in the kernel's set, where its number
// cannot reach it any more. It would be reported for ever.
void IOLoop::Impl::shed_orphan() {
  orphan_seen = false;
  rebuild_poller();
  count(pollers_rebuilt);
}

template <class F>
void IOLoop::Impl::call(const Location& where, F&& function) {
  monitor.running.store(&where, std::memory_order_relaxed);
  try {
    function();
  } catch (...) {
    monitor.running.store(nullptr, std::memory_order_relaxed);
    on_exception(where);
  }
  monitor.running.store(nullptr, std::memory_order_relaxed);
  // The function may have forked, and this be the child: what waits is the parent's.
  if (!mailbox->ours()) throw_error(Errc::loop_forked, "start");
}

void IOLoop::Impl::on_exception(const Location& where) {
  if (exception_handler) {
    exception_handler(std::current_exception());
  } else if (policy == ExceptionPolicy::rethrow) {
    throw;
  } else {
    log_exception(where);
  }
}

}  // namespace tornado
