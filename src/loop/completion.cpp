// SPDX-License-Identifier: Apache-2.0
#include "tornado/completion.h"

#include <thread>
#include <utility>

#include "tornado/gen.h"

namespace tornado::detail {

bool PendingResult::claim() noexcept {
  Phase open = Phase::open;
  return phase_.compare_exchange_strong(open, Phase::claimed);
}

bool PendingResult::publish() noexcept {
  Phase claimed = Phase::claimed;
  if (!phase_.compare_exchange_strong(claimed, Phase::there)) return false;
  // Not stop() itself: if run_sync has ended, that would end the next run.
  loop_.post(shared_from_this());
  return true;
}

bool PendingResult::fail(std::exception_ptr reason) noexcept {
  if (!claim()) return false;
  exception = std::move(reason);
  return publish();
}

void PendingResult::arrive() noexcept {
  if (phase_ != Phase::there) return;
  if (wait) {
    wait->arrive();
  } else {
    loop_.stop();
  }
}

void PendingResult::time_out() noexcept {
  if (phase_ == Phase::over) return;
  timed_out_ = true;
  loop_.stop();
}

bool PendingResult::withdraw() noexcept {
  Phase open = Phase::open;
  return phase_.compare_exchange_strong(open, Phase::over);
}

bool PendingResult::take() noexcept {
  if (withdraw()) return false;
  // A thread that has claimed the result is writing it.
  while (phase_ == Phase::claimed) std::this_thread::yield();
  return phase_.exchange(Phase::over) == Phase::there;
}

}  // namespace tornado::detail
