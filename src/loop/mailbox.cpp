// SPDX-License-Identifier: Apache-2.0
#include "loop/mailbox.h"

#include <string>

#include "platform/fork_epoch.h"
#include "platform/sync_point.h"
#include "platform/system_error.h"
#include "tornado/error.h"
#include "tornado/loop_handle.h"

namespace tornado {
namespace {

void check(const Callback& callback) {
  if (!callback) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "add_callback: no callable");
  }
}

}  // namespace

/// A wake to come. The loop may hear of what it is for before, end, and be destroyed.
class Mailbox::WakeDue {
 public:
  explicit WakeDue(Mailbox& mailbox) noexcept : mailbox_(mailbox) {
    mailbox_.queue_.telling().fetch_add(1, std::memory_order_relaxed);
  }
  struct Counted {};  // by the queue, within its lock
  WakeDue(Mailbox& mailbox, Counted) noexcept : mailbox_(mailbox) {}
  ~WakeDue() { mailbox_.queue_.telling().fetch_sub(1, std::memory_order_release); }
  WakeDue(const WakeDue&) = delete;
  WakeDue& operator=(const WakeDue&) = delete;

  void wake() const noexcept { mailbox_.waker_.wake(); }
  void wake_for_post() const noexcept {
    mailbox_.waking_cpu_.store(current_cpu(), std::memory_order_relaxed);
    wake();
  }

 private:
  Mailbox& mailbox_;
};

Mailbox::Mailbox(WakerKind kind) : waker_(kind), epoch_(fork_epoch()) {}

Mailbox::~Mailbox() {
  // A forked child has none of the parent's threads.
  while (ours() && queue_.telling().load(std::memory_order_acquire) != 0) {
    std::this_thread::yield();
  }
}

bool Mailbox::post(Callback&& callback, const std::source_location& where) {
  check(callback);
  // Before the lock, which a thread that exists in the parent only may hold.
  if (!ours()) return false;
  if (runs_here()) {  // and so is not closed
    queue_.push_own(std::move(callback), where);
    return true;
  }
  sync_point(SyncPoint::post_allowed);
  const auto pushed = queue_.push(std::move(callback), where);
  if (pushed.sleep == 0) return pushed.accepted;
  // Each post does until one has: no post waits for a thread that was preempted here.
  const WakeDue due(*this, WakeDue::Counted());
  sync_point(SyncPoint::post_pushed);
  due.wake_for_post();
  queue_.set_woken(pushed.sleep);
  return true;
}

bool Mailbox::post_from_signal(void (*invoke)(void*), const void* bytes,
                               std::size_t size) noexcept {
  if (closed()) return false;
  const WakeDue due(*this);
  if (!ring_.push(invoke, bytes, size)) return false;
  sync_point(SyncPoint::ring_filled);
  due.wake();
  return true;
}

/// Ends the list of a mailbox that takes nothing more.
class Mailbox::Closed final : public detail::Arrival {
  void arrive() noexcept override {}
};

detail::Arrival* Mailbox::closed_mark() noexcept {
  static Closed mark;
  return &mark;
}

bool Mailbox::post(std::shared_ptr<detail::Arrival> arrival) noexcept {
  if (closed()) return false;
  const WakeDue due(*this);
  detail::Arrival* const sent = arrival.get();
  sent->self_ = std::move(arrival);
  sent->next_ = arrivals_.load();
  do {
    if (sent->next_ != closed_mark()) continue;
    arrival = std::move(sent->self_);
    return false;
  } while (!arrivals_.compare_exchange_weak(sent->next_, sent));
  sync_point(SyncPoint::ring_filled);
  due.wake();
  return true;
}

void Mailbox::take_arrivals() noexcept {
  if (!arrivals_.load(std::memory_order_relaxed)) return;
  detail::Arrival* first = nullptr;
  for (detail::Arrival* last = arrivals_.exchange(nullptr); last;) {
    first = std::exchange(last, std::exchange(last->next_, first));
  }
  while (first) {
    const std::shared_ptr<detail::Arrival> arrived = std::move(first->self_);
    first = first->next_;
    arrived->arrive();
  }
}

void Mailbox::notify_signal(int signal) noexcept {
  const auto number = static_cast<unsigned>(signal);
  signals_[number / 64].fetch_or(std::uint64_t{1} << number % 64);
  sync_point(SyncPoint::signal_noted);
  waker_.wake();
}

void Mailbox::stop() noexcept {
  if (closed()) return;
  const WakeDue due(*this);
  stop_.store(true);
  sync_point(SyncPoint::stop_stored);
  due.wake();
}

void Mailbox::close() {
  closed_.store(true);
  sync_point(SyncPoint::refusal_began);
  // A thread of the parent may hold the lock, and is not here to let it go.
  if (!ours()) (void)queue_.after_fork();
  const auto unrun = queue_.close();
  for (auto* sent = arrivals_.exchange(closed_mark()); sent && sent != closed_mark();) {
    const std::shared_ptr<detail::Arrival> dropped =
        std::move(std::exchange(sent, sent->next_)->self_);
  }
  sync_point(SyncPoint::queue_closed);
  waker_.close();
}

bool Mailbox::renew() {
  waker_.rebuild();
  sync_point(SyncPoint::fork_waker_rebuilt);
  const bool ring_whole = ring_.after_fork();
  const bool queue_whole = queue_.after_fork();
  sync_point(SyncPoint::fork_queue_whole);
  return ring_whole && queue_whole;
}

void Mailbox::take_over() noexcept {
  epoch_.store(fork_epoch(), std::memory_order_release);
  sync_point(SyncPoint::fork_let_in);
}

}  // namespace tornado
