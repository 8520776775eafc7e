// SPDX-License-Identifier: Apache-2.0
#include "demo/signal_source.h"

#include <cerrno>
#include <utility>

namespace tornado::cli {
namespace {

std::atomic<SignalSource*> current{nullptr};
static_assert(decltype(current)::is_always_lock_free);

void change_mask(int how, int signal) noexcept {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  ::pthread_sigmask(how, &set, nullptr);
}

extern "C" void post_from_handler(int) {
  if (SignalSource* source = current) source->post();
}

}  // namespace

void block_signal(int signal) noexcept {
  change_mask(SIG_BLOCK, signal);
}
void unblock_signal(int signal) noexcept {
  change_mask(SIG_UNBLOCK, signal);
}

SignalSource::SignalSource(IOLoop& loop, int signal, std::function<void(TimePoint)> ran)
    : loop_(loop), signal_(signal), ran_(std::move(ran)), before_() {
  current = this;
  struct sigaction action = {};
  action.sa_handler = post_from_handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal_, &action, &before_);
}

SignalSource::~SignalSource() {
  // Ignored first, which drops a pending signal, since the old action may be fatal.
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(signal_, &ignore, nullptr);
  unblock_signal(signal_);
  current = nullptr;
  ::sigaction(signal_, &before_, nullptr);
}

void SignalSource::post() noexcept {
  constexpr int mark = 4242;
  const int saved = std::exchange(errno, mark);
  const TimePoint sent = Clock::now();
  const bool taken = loop_.add_callback_from_signal([this, sent] {
    ++ran_count_;
    ran_(sent);
  });
  ++(taken ? accepted_ : refused_);
  if (errno != mark) ++errno_changed_;
  errno = saved;
}

}  // namespace tornado::cli
