// SPDX-License-Identifier: Apache-2.0
#include "tornado/completion.h"

#include <thread>

namespace tornado {

bool PendingResult::claim() noexcept {
  Phase open = Phase::open;
  return phase_.compare_exchange_strong(open, Phase::claimed);
}

bool PendingResult::publish() noexcept {
  Phase claimed = Phase::claimed;
  if (!phase_.compare_exchange_strong(claimed, Phase::there)) return false;
  try {
    // Not stop() itself: if run_sync has ended, that would end the next run.
    loop_.add_callback([self = shared_from_this()] { self->stop_waiting(); });
  } catch (...) {  // no memory
    loop_.stop();
  }
  return true;
}

bool PendingResult::fail(std::exception_ptr reason) noexcept {
  if (!claim()) return false;
  exception = std::move(reason);
  return publish();
}

void PendingResult::stop_waiting() noexcept {
  if (phase_ == Phase::there) loop_.stop();
}

void PendingResult::time_out() noexcept {
  if (phase_ == Phase::over) return;
  timed_out_ = true;
  loop_.stop();
}

bool PendingResult::take() noexcept {
  Phase open = Phase::open;
  if (phase_.compare_exchange_strong(open, Phase::over)) return false;
  // A thread that has claimed the result is writing it.
  while (phase_ == Phase::claimed) std::this_thread::yield();
  return phase_.exchange(Phase::over) == Phase::there;
}

}  // namespace tornado
