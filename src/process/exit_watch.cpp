// SPDX-License-Identifier: Apache-2.0
#include "process/exit_watch.h"

#include <utility>

#include "platform/sync_point.h"
#include "platform/system_error.h"
#include "process/exit_wait.h"

namespace tornado {

ExitWatch::ExitWatch(IOLoop& loop)
    : child_(std::make_unique<AbandonedChild>()), loop_(loop.handle()) {}

ExitWatch::~ExitWatch() {
  if (status_ || pid() == -1) return;
  if (!reap(pid(), process_.get(), WaitFor::nothing)) reap_later(std::move(child_));
}

void ExitWatch::adopt(int pid, UniqueFd process) noexcept {
  child_->pid = pid;
  process_ = std::move(process);
}

void ExitWatch::start() {
  if (!process_) end_ = open_exit_descriptor(pid());
  if (!is_readable_at_end(fileno())) return ask_for_notice();
  IOLoop& loop = loop_.open_loop("Subprocess");
  loop.add_handler(
      *this, [self = shared_from_this()](ExitWatch&, Events) { self->on_end(); },
      Events::read);
  watched_ = true;
  sync_point(SyncPoint::exit_watched);
}

void ExitWatch::kill_and_reap() noexcept {
  try {
    if (!send_signal(kill_signal)) return;
    (void)reap(pid(), process_.get(), WaitFor::end);
    child_->pid = -1;
  } catch (const std::exception&) {  // why start() failed is to be told
  }
}

// No handler is added, which a closed loop would refuse.
void ExitWatch::ask_for_notice() {
  if (loop_.closed()) throw_error(Errc::loop_closed, "Subprocess");
  notify_of_end(pid(), process_.get(),
                [self = shared_from_this(), handle = loop_]() mutable {
                  handle.add_callback([moved = std::move(self)] { moved->on_end(); });
                });
}

void ExitWatch::on_end() {
  sync_point(SyncPoint::exit_seen);
  const auto self = shared_from_this();
  const auto status = reap(pid(), process_.get(), WaitFor::nothing);
  if (!status) return await_debugger();
  status_ = *status;
  stop_watching();
  close();
  sync_point(SyncPoint::exit_reaped);
  tell();
}

// A tracer keeps an ended child until it detaches. The child's descriptor is readable
// all the time.
void ExitWatch::await_debugger() {
  ask_for_notice();
  stop_watching();
}

void ExitWatch::stop_watching() noexcept {
  if (!std::exchange(watched_, false)) return;
  if (IOLoop* const loop = loop_.loop()) loop->remove_handler(fileno());
}

// Each waiter is a callback of its own, so that an exception of one leaves the others.
void ExitWatch::tell() {
  for (auto& waiter : std::exchange(waiters_, {})) {
    loop_.add_callback([w = std::move(waiter), s = *status_]() mutable { w(s); });
  }
  if (!callback_) return;
  loop_.add_callback([self = shared_from_this()] {
    if (auto callback = std::exchange(self->callback_, {})) callback(*self->status_);
  });
}

void ExitWatch::set_callback(Subprocess::ExitCallback callback) {
  callback_ = std::move(callback);
  if (status_) tell();
}

void ExitWatch::add_waiter(Subprocess::ExitCallback waiter) {
  waiters_.push_back(std::move(waiter));
  if (status_) tell();
}

bool ExitWatch::send_signal(int signal) {
  return !status_ && signal_child(pid(), process_.get(), signal);
}

}  // namespace tornado
