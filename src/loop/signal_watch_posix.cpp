// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <csignal>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "loop/signal_watch.h"
#include "platform/fork_epoch.h"
#include "platform/system_error.h"

namespace tornado {
namespace {

struct Watcher {
  std::shared_ptr<Mailbox> mailbox;
  std::atomic<Watcher*> next{nullptr};  // read by the signal handler
  Watcher* removed_before = nullptr;
};

struct Watched {
  std::atomic<Watcher*> first{nullptr};  // read by the signal handler
  struct sigaction previous {};
};

// A watcher taken out of its list still leads to the rest of it, and is kept until no
// handler runs that may have found it; who removes never waits for handlers, one of
// which may have interrupted it, and needs no memory.
Watched watched[NSIG];
std::atomic<int> handlers_running{0};

struct Registry {
  std::uint64_t process;
  const Registry* parents;  // so that it is not taken for lost
  std::mutex mutex;
  Watcher* last_removed;  // guarded
};

// A forked child gets its own: a thread that is not there may hold its parent's.
Registry& registry() {
  static std::atomic<Registry*> current{nullptr};
  Registry* seen = current.load();
  if (seen && seen->process == fork_epoch()) return *seen;
  std::unique_ptr<Registry> fresh(new Registry{fork_epoch(), seen, {}, nullptr});
  return current.compare_exchange_strong(seen, fresh.get()) ? *fresh.release() : *seen;
}

// What the signal would do if the library were not there. For a forked child that has
// taken over none of the loops: it cannot know that its parent watched the signal.
void act_as_before(int signal, siginfo_t* info, void* context) noexcept {
  const struct sigaction& before = watched[signal].previous;
  if (before.sa_flags & SA_SIGINFO) return before.sa_sigaction(signal, info, context);
  if (before.sa_handler == SIG_IGN) return;
  if (before.sa_handler != SIG_DFL) return before.sa_handler(signal);
  struct sigaction ours {};
  ::sigaction(signal, &before, &ours);
  ::raise(signal);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  // It was ignored, or stopped the process for a while.
  ::sigaction(signal, &ours, nullptr);
}

extern "C" void tornado_on_signal(int signal, siginfo_t* info, void* context) {
  ErrnoKeeper keep;
  bool heard = false;
  handlers_running.fetch_add(1);
  for (const Watcher* one = watched[signal].first.load(); one; one = one->next.load()) {
    if (!one->mailbox->ours()) continue;
    heard = true;
    one->mailbox->notify_signal(signal);
  }
  handlers_running.fetch_sub(1);
  if (!heard) act_as_before(signal, info, context);
}

void free_removed(Registry& ours) noexcept {
  if (handlers_running.load() != 0) return;
  while (ours.last_removed) {
    const std::unique_ptr<Watcher> doomed(ours.last_removed);
    ours.last_removed = doomed->removed_before;
  }
}

bool is_ours(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) && action.sa_sigaction == &tornado_on_signal;
}

std::string act_on_signal(std::string_view act, int signal) {
  return std::string(act) + " signal " + std::to_string(signal);
}

// Leaves `previous` alone if our handler is installed already.
void install(int signal, struct sigaction& previous) {
  struct sigaction action {};
  action.sa_sigaction = &tornado_on_signal;
  action.sa_flags = SA_RESTART | SA_ONSTACK | SA_SIGINFO;
  sigfillset(&action.sa_mask);
  // Read first, since the handler may need `previous` as soon as it is installed.
  struct sigaction found {};
  bool done = ::sigaction(signal, nullptr, &found) == 0;
  if (done && !is_ours(found)) {
    previous = found;
    done = ::sigaction(signal, &action, nullptr) == 0;
  }
  if (!done) {
    throw_errno(act_on_signal("sigaction", signal));
  }
}

void restore(int signal, const struct sigaction& previous) {
  struct sigaction current {};
  if (::sigaction(signal, nullptr, &current) == 0 && is_ours(current)) {
    ::sigaction(signal, &previous, nullptr);
  }
}

/// Whether `signal` was blocked before.
bool mask_signal(int how, int signal) noexcept {
  sigset_t one, before;
  sigemptyset(&one);
  sigaddset(&one, signal);
  sigemptyset(&before);
  ::pthread_sigmask(how, &one, &before);
  return sigismember(&before, signal) == 1;
}

}  // namespace

void watch_signal(int signal, std::shared_ptr<Mailbox> mailbox) {
  if (signal <= 0 || signal >= NSIG) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                act_on_signal("sigaction", signal));
  }
  auto watcher = std::make_unique<Watcher>();
  watcher->mailbox = std::move(mailbox);
  Registry& ours = registry();
  const std::scoped_lock lock(ours.mutex);
  Watched& entry = watched[signal];
  install(signal, entry.previous);
  watcher->next.store(entry.first.load());
  entry.first.store(watcher.release());
  free_removed(ours);
}

void UnblockedSignals::add(int signal) noexcept {
  const auto at = static_cast<std::size_t>(signal);
  if (!let_in_[at]) let_in_[at] = mask_signal(SIG_UNBLOCK, signal);
}

void UnblockedSignals::remove(int signal) noexcept {
  const auto at = static_cast<std::size_t>(signal);
  if (let_in_[at]) mask_signal(SIG_BLOCK, signal);
  let_in_[at] = false;
}

void UnblockedSignals::clear() noexcept {
  for (int signal = 1; let_in_.any() && signal < NSIG; ++signal) remove(signal);
}

void unwatch_signal(int signal, const Mailbox& mailbox) {
  Registry& ours = registry();
  const std::scoped_lock lock(ours.mutex);
  Watched& entry = watched[signal];
  std::atomic<Watcher*>* link = &entry.first;
  while (Watcher* const one = link->load()) {
    if (one->mailbox.get() != &mailbox) {
      link = &one->next;
      continue;
    }
    link->store(one->next.load());
    one->removed_before = ours.last_removed;
    ours.last_removed = one;
  }
  if (!entry.first.load()) restore(signal, entry.previous);
  free_removed(ours);
}

}  // namespace tornado
