// SPDX-License-Identifier: Apache-2.0
#include "loop/stack_probe.h"

#include <chrono>
#include <csignal>
#include <thread>
#include <type_traits>

#include "loop/backtrace.h"
#include "loop/probe_signal.h"
#include "platform/fork_epoch.h"
#include "platform/system_error.h"
#include "tornado/time.h"

namespace tornado {
namespace {

struct Probe {
  const std::atomic<const std::source_location*>* running;
  StackSample sample;
  std::atomic<bool> answered{false};
};

/// For as long as this lives no other thread probes. What a thread of the parent
/// process holds at a fork is taken from it: that thread is not here to let it go.
class OneAtATime {
 public:
  OneAtATime() {
    const std::uint64_t ours = fork_epoch();
    for (std::uint64_t seen = 0; !process_.compare_exchange_strong(seen, ours);) {
      if (seen != ours) continue;
      seen = 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  ~OneAtATime() { process_.store(0); }
  OneAtATime(const OneAtATime&) = delete;
  OneAtATime& operator=(const OneAtATime&) = delete;

 private:
  static inline std::atomic<std::uint64_t> process_{0};  // of the thread that probes
};

// What SIGURG was before, and what it was the time before that: a handler may still run
// that passes on to the latter.
struct sigaction previous[2];
std::atomic<unsigned> latest{0};

void pass_on(int signal, siginfo_t* info, void* context) {
  const struct sigaction& to = previous[latest.load(std::memory_order_acquire)];
  if (to.sa_flags & SA_SIGINFO) {
    to.sa_sigaction(signal, info, context);
  } else if (to.sa_handler != SIG_DFL && to.sa_handler != SIG_IGN) {
    to.sa_handler(signal);
  }
}

// A probe that answers after its second is up finds itself taken off here. The memory
// of one is never freed for that reason; there is one, as probes wait for each other.
std::atomic<Probe*> current_probe{nullptr};

extern "C" void tornado_on_probe(int signal, siginfo_t* info, void* context) {
  ErrnoKeeper keep;
  if (!is_probe(*info, &current_probe)) return pass_on(signal, info, context);
  Probe* probe = current_probe.exchange(nullptr);
  if (!probe) return;
  if (const auto* where = probe->running->load(std::memory_order_relaxed)) {
    probe->sample.callback = *where;
  }
  probe->sample.depth = take_backtrace(probe->sample.frames);
  probe->answered.store(true, std::memory_order_release);
}

// Nobody is told, and asks again: what a signal handler may wake a thread with differs
// from system to system, and this thread is not in a hurry.
template <class Until>
void wait_for_answer(const Probe& probe, Until is_over) {
  while (!probe.answered.load(std::memory_order_acquire) && !is_over()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

/// SIGURG handled by us for as long as this lives.
class BorrowedSignal {
 public:
  BorrowedSignal() {
    struct sigaction action {};
    action.sa_sigaction = &tornado_on_probe;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigfillset(&action.sa_mask);
    // Known before the first signal that is to be passed on.
    struct sigaction found {};
    if (::sigaction(SIGURG, nullptr, &found) != 0) return;
    // Ours is there in a child that was forked meanwhile, and not to be passed on to.
    if (found.sa_sigaction != action.sa_sigaction) {
      const unsigned next = 1 - latest.load(std::memory_order_relaxed);
      previous[next] = found;
      latest.store(next, std::memory_order_release);
    }
    installed_ = ::sigaction(SIGURG, &action, nullptr) == 0;
  }
  ~BorrowedSignal() {
    if (installed_) ::sigaction(SIGURG, &previous[latest.load()], nullptr);
  }
  BorrowedSignal(const BorrowedSignal&) = delete;
  BorrowedSignal& operator=(const BorrowedSignal&) = delete;
  explicit operator bool() const noexcept { return installed_; }

 private:
  bool installed_ = false;
};

}  // namespace

std::optional<StackSample> probe_stack(
    pthread_t thread, const std::atomic<const std::source_location*>& running) {
  const OneAtATime here;
  std::array<void*, 1> warm_up;
  (void)take_backtrace(warm_up);
  static Probe the_probe;
  static_assert(std::is_trivially_destructible_v<Probe>);
  Probe* const probe = &the_probe;
  const BorrowedSignal borrowed;
  if (!borrowed) return std::nullopt;
  probe->running = &running;
  probe->sample = {};
  probe->answered = false;
  current_probe.store(probe);
  if (send_probe(thread, &current_probe)) {
    const TimePoint end = Clock::now() + std::chrono::seconds(1);
    wait_for_answer(*probe, [end] { return Clock::now() >= end; });
  }
  // If the handler has the probe already, its answer is on the way.
  if (!current_probe.exchange(nullptr)) {
    wait_for_answer(*probe, [] { return false; });
    return probe->sample;
  }
  return std::nullopt;
}

std::string StackSample::text() const {
  std::string result;
  if (callback) {
    result.append(", in a callback added at ").append(callback->file_name());
    result.append(":").append(std::to_string(callback->line()));
    result.append(" (").append(callback->function_name()).append(")");
  }
  for (int i = 0; i < depth; ++i) {
    result.append("\n  ").append(frame_text(frames[static_cast<std::size_t>(i)]));
  }
  return result;
}

}  // namespace tornado
