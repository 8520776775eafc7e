// SPDX-License-Identifier: Apache-2.0
#include "loop/stack_probe.h"

#include <execinfo.h>
#include <semaphore.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>

#include "platform/system_error.h"

namespace tornado {
namespace {

struct Probe {
  const std::atomic<const std::source_location*>* running;
  StackSample sample;
  sem_t answered;
};

std::mutex one_at_a_time;
struct sigaction previous {};

void pass_on(int signal, siginfo_t* info, void* context) {
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  }
}

// A probe that answers after its second is up finds itself taken off here. The memory
// of one is never freed for that reason; there is one, as probes wait for each other.
std::atomic<Probe*> current_probe{nullptr};

extern "C" void tornado_on_probe(int signal, siginfo_t* info, void* context) {
  ErrnoKeeper keep;
  const bool mine = info->si_code == SI_QUEUE && info->si_pid == ::getpid() &&
                    info->si_value.sival_ptr == &current_probe;
  if (!mine) return pass_on(signal, info, context);
  Probe* probe = current_probe.exchange(nullptr);
  if (!probe) return;
  if (const auto* where = probe->running->load(std::memory_order_relaxed)) {
    probe->sample.callback = *where;
  }
  probe->sample.depth = ::backtrace(probe->sample.frames.data(),
                                    static_cast<int>(probe->sample.frames.size()));
  ::sem_post(&probe->answered);
}

bool wait_one_second(sem_t& semaphore) {
  timespec deadline{};
  ::clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += 1;
  return retry_eintr([&] { return ::sem_timedwait(&semaphore, &deadline); }) == 0;
}

/// SIGURG handled by us for as long as this lives.
class BorrowedSignal {
 public:
  BorrowedSignal() {
    struct sigaction action {};
    action.sa_sigaction = &tornado_on_probe;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigfillset(&action.sa_mask);
    installed_ = ::sigaction(SIGURG, &action, &previous) == 0;
  }
  ~BorrowedSignal() {
    if (installed_) ::sigaction(SIGURG, &previous, nullptr);
  }
  BorrowedSignal(const BorrowedSignal&) = delete;
  BorrowedSignal& operator=(const BorrowedSignal&) = delete;
  explicit operator bool() const noexcept { return installed_; }

 private:
  bool installed_;
};

}  // namespace

std::optional<StackSample> probe_stack(
    pthread_t thread, const std::atomic<const std::source_location*>& running) {
  const std::scoped_lock lock(one_at_a_time);
  // The first call of backtrace loads libgcc, which is not for signal handlers.
  void* warm_up[1];
  (void)::backtrace(warm_up, 1);
  static auto* const probe = [] {
    auto* made = new Probe{};
    ::sem_init(&made->answered, 0, 0);
    return made;
  }();
  const BorrowedSignal borrowed;
  if (!borrowed) return std::nullopt;
  probe->running = &running;
  probe->sample = {};
  current_probe.store(probe);
  const sigval value{.sival_ptr = &current_probe};
  const bool sent = ::pthread_sigqueue(thread, SIGURG, value) == 0;
  if (sent && wait_one_second(probe->answered)) return probe->sample;
  // If the handler has the probe already, its answer is on the way.
  if (!current_probe.exchange(nullptr)) {
    retry_eintr([&] { return ::sem_wait(&probe->answered); });
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
  const std::unique_ptr<char*, void (*)(void*)> symbols(
      ::backtrace_symbols(frames.data(), depth), &std::free);
  for (int i = 0; symbols && i < depth; ++i) {
    result.append("\n  ").append(symbols.get()[i]);
  }
  return result;
}

}  // namespace tornado
