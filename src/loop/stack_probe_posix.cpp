// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop/stack_probe.h"

#if defined(TORNADO_HAS_EXECINFO)
#include <execinfo.h>
#else
#include <dlfcn.h>
#include <unwind.h>
#endif

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <sstream>
#include <type_traits>
#include <utility>

#include "platform/fork_epoch.h"
#include "platform/system_error.h"
#include "tornado/fd.h"
#include "tornado/time.h"

namespace tornado {
namespace {

// take_backtrace() gives the number of return addresses, innermost first. Its first
// call may load a library, and the others are async-signal-safe. frame_text() gives
// "program(function+0x1f) [0x5581c0de]", as much of it as is known.
#if defined(TORNADO_HAS_EXECINFO)

int take_backtrace(std::span<void*> frames) noexcept {
  return ::backtrace(frames.data(), static_cast<int>(frames.size()));
}

std::string frame_text(void* frame) {
  const std::unique_ptr<char*, void (*)(void*)> symbols(::backtrace_symbols(&frame, 1),
                                                        &std::free);
  return symbols ? *symbols : "?";
}

#else  // musl

struct StackWalk {
  std::span<void*> frames;
  std::size_t depth = 0;
};

_Unwind_Reason_Code note_frame(_Unwind_Context* context, void* argument) {
  auto& walk = *static_cast<StackWalk*>(argument);
  if (walk.depth == walk.frames.size()) return _URC_END_OF_STACK;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address is what it is.
  walk.frames[walk.depth++] = reinterpret_cast<void*>(_Unwind_GetIP(context));
  return _URC_NO_REASON;
}

int take_backtrace(std::span<void*> frames) noexcept {
  StackWalk walk{frames};
  (void)::_Unwind_Backtrace(&note_frame, &walk);
  return static_cast<int>(walk.depth);
}

std::string frame_text(void* frame) {
  std::ostringstream text;
  Dl_info info{};
  if (::dladdr(frame, &info) != 0 && info.dli_fname) {
    text << info.dli_fname << '(';
    if (info.dli_sname) {
      const auto offset = reinterpret_cast<std::uintptr_t>(frame) -
                          reinterpret_cast<std::uintptr_t>(info.dli_saddr);
      text << info.dli_sname << "+0x" << std::hex << offset;
    }
    text << ") ";
  }
  text << '[' << frame << ']';
  return text.str();
}

#endif

// send_probe() sends SIGURG to one thread of this process: false if it was not sent.
// The handler asks is_probe() whether the arrival was sent with the cookie.
#if defined(TORNADO_HAS_SIGQUEUE)

bool send_probe(pthread_t thread, void* cookie) noexcept {
  const sigval value{.sival_ptr = cookie};
  return ::pthread_sigqueue(thread, SIGURG, value) == 0;
}

bool is_probe(const siginfo_t& info, const void* cookie) noexcept {
  return info.si_code == SI_QUEUE && info.si_pid == ::getpid() &&
         info.si_value.sival_ptr == cookie;
}

#else

// A signal for one thread cannot carry a value (macOS, the BSDs, musl). Any SIGURG that
// comes to the thread during the probe is taken for the probe.
std::atomic<pthread_t> probed{};
static_assert(std::atomic<pthread_t>::is_always_lock_free);

bool send_probe(pthread_t thread, void*) noexcept {
  probed.store(thread);
  return ::pthread_kill(thread, SIGURG) == 0;
}

bool is_probe(const siginfo_t&, const void*) noexcept {
  return ::pthread_equal(::pthread_self(), probed.load()) != 0;
}

#endif

struct Probe {
  const std::atomic<std::source_location>* running;
  StackSample sample;
  std::atomic<bool> answered{false};
};

/// For as long as this lives no other thread probes, unless the wait for it was
/// hurried. What a thread of the parent process holds at a fork is taken from it: that
/// thread is not here to let it go.
class OneAtATime {
 public:
  explicit OneAtATime(const std::atomic<bool>& hurried) {
    const std::uint64_t ours = fork_epoch();
    for (std::uint64_t seen = 0; !process_.compare_exchange_strong(seen, ours);) {
      if (seen != ours) continue;
      if (hurried) return;
      seen = 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    alone_ = true;
  }
  ~OneAtATime() {
    if (alone_) process_.store(0);
  }
  explicit operator bool() const noexcept { return alone_; }
  OneAtATime(const OneAtATime&) = delete;
  OneAtATime& operator=(const OneAtATime&) = delete;

 private:
  static inline std::atomic<std::uint64_t> process_{0};  // of the thread that probes
  bool alone_ = false;
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
  probe->sample.callback = probe->running->load(std::memory_order_relaxed);
  probe->sample.depth = take_backtrace(probe->sample.frames);
  probe->answered.store(true, std::memory_order_release);
}

// Polls, since the ways in which a signal handler may wake a thread differ between
// systems, and this thread is not in a hurry.
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
    // Stored before the first signal that the handler passes on.
    struct sigaction found {};
    if (::sigaction(SIGURG, nullptr, &found) != 0) return;
    // A child that was forked during a probe finds this handler, which must not call
    // itself.
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

bool is_wait_for_lock(long call, unsigned long fourth) noexcept {
#ifdef SYS_futex
  // With a time limit it fails as well.
  return call == SYS_futex && fourth == 0;
#else
  (void)call;
  (void)fourth;
  return false;
#endif
}

// What the file holds: "running", or "-1" and two registers outside of system calls, or
// the number of the call, its six arguments, the stack pointer and the return address.
std::optional<StackSample> waiting_call(
    const ProbedThread& thread, const std::atomic<std::source_location>& running) {
  if (thread.file[0] == '\0') return std::nullopt;
  std::array<char, 256> text{};
  try {
    const UniqueFd file = open_file(thread.file.data(), O_RDONLY);
    if (::read(file.get(), text.data(), text.size() - 1) <= 0) return std::nullopt;
  } catch (const std::exception&) {
    return std::nullopt;
  }
  long call = -1;
  std::array<unsigned long, 8> words{};
  const int found = std::sscanf(text.data(), "%ld %lx %lx %lx %lx %lx %lx %lx %lx",
                                &call, &words[0], &words[1], &words[2], &words[3],
                                &words[4], &words[5], &words[6], &words[7]);
  if (found != 9 || is_wait_for_lock(call, words[3])) return std::nullopt;
  StackSample sample;
  sample.call = call;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address is what it is.
  sample.frames[0] = reinterpret_cast<void*>(words[7]);
  sample.depth = 1;
  sample.callback = running.load(std::memory_order_relaxed);
  return sample;
}

}  // namespace

ProbedThread ProbedThread::current() noexcept {
  ProbedThread thread{.handle = ::pthread_self()};
  std::array<char, 32> task{};
  if (::readlink("/proc/thread-self", task.data(), task.size() - 1) > 0) {
    std::snprintf(thread.file.data(), thread.file.size(), "/proc/%s/syscall",
                  task.data());
  }
  return thread;
}

std::optional<StackSample> probe_stack(const ProbedThread& thread,
                                       const std::atomic<std::source_location>& running,
                                       const std::atomic<bool>& hurried) {
  if (auto sample = waiting_call(thread, running)) return sample;
  const OneAtATime here(hurried);
  if (!here) return std::nullopt;
  std::array<void*, 1> warm_up;
  (void)take_backtrace(warm_up);
  static Probe the_probe;
  static_assert(std::is_trivially_destructible_v<Probe>);
  Probe* const probe = &the_probe;
  const BorrowedSignal borrowed;
  if (!borrowed) return std::nullopt;
  // Looks again, since the thread may have entered a system call by now.
  if (auto sample = waiting_call(thread, running)) return sample;
  probe->running = &running;
  probe->sample = {};
  probe->answered = false;
  current_probe.store(probe);
  if (send_probe(thread.handle, &current_probe)) {
    const TimePoint end = Clock::now() + std::chrono::seconds(1);
    wait_for_answer(*probe, [&] { return hurried || Clock::now() >= end; });
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
  if (callback.line() != 0) {
    result.append(", in a callback added at ").append(callback.file_name());
    result.append(":").append(std::to_string(callback.line()));
    result.append(" (").append(callback.function_name()).append(")");
  }
  if (call) result.append(", in system call ").append(std::to_string(*call));
  for (int i = 0; i < depth; ++i) {
    result.append("\n  ").append(frame_text(frames[static_cast<std::size_t>(i)]));
  }
  return result;
}

}  // namespace tornado
