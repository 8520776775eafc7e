// SPDX-License-Identifier: Apache-2.0
#include "process/exit_watch.h"

#include <thread>
#include <utility>

#include "platform/log.h"
#include "process/signal_blocker.h"

namespace tornado {
namespace {

// A thread is no part of a program's design that it did not ask for: it takes none of
// its signals.
template <class F>
void start_detached(F body) {
  const SignalBlocker blocker;
  std::thread(std::move(body)).detach();
}

}  // namespace

ExitWatch::ExitWatch(int pid, UniqueFd process, IOLoop& loop)
    : pid_(pid), process_(std::move(process)), loop_(loop) {}

ExitWatch::~ExitWatch() {
  if (status_ || reap(pid_, process_.get(), WaitFor::nothing)) return;
  try {
    start_detached([pid = pid_] { reap(pid, invalid_fd, WaitFor::end); });
  } catch (const std::system_error& error) {
    log(LogLevel::error,
        "child " + std::to_string(pid_) + " will stay a zombie: " + error.what());
  }
}

void ExitWatch::start() {
  if (!process_) return start_thread();
  loop_.add_handler(
      *this, [self = shared_from_this()](ExitWatch&, Events) { self->on_end(); },
      Events::read);
}

// Where there is no descriptor to wait for. The thread does not reap, so that the pid
// is the child's as long as the loop may signal it.
void ExitWatch::start_thread() {
  start_detached([self = shared_from_this(), handle = loop_.handle()]() mutable {
    await_end(self->pid_);
    handle.add_callback([moved = std::move(self)] { moved->on_end(); });
  });
}

void ExitWatch::on_end() {
  const auto self = shared_from_this();
  const auto status = reap(pid_, process_.get(), WaitFor::nothing);
  if (!status || status_) return;
  status_ = ExitStatus{status->error, status->returncode};
  if (process_) {
    loop_.remove_handler(*this);
    process_.reset();
  }
  tell();
}

// Each as a callback of its own: what one throws is not the others' misfortune.
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
  return !status_ && signal_child(pid_, process_.get(), signal);
}

}  // namespace tornado
