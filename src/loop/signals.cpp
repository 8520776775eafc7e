// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <csignal>
#include <mutex>
#include <vector>

#include "loop/signal_watch.h"
#include "platform/fork_epoch.h"
#include "platform/system_error.h"

namespace tornado {
namespace {

using Watchers = std::vector<std::shared_ptr<Mailbox>>;

struct Watched {
  std::atomic<const Watchers*> watchers{nullptr};  // read by the signal handler
  struct sigaction previous {};
};

// The list of a signal is never changed, only replaced by another. An old one is kept
// until no handler runs that may have found it; who replaces never waits for handlers,
// one of which may have interrupted it.
Watched watched[NSIG];
std::atomic<int> handlers_running{0};

struct Registry {
  std::uint64_t process;
  const Registry* parents;  // so that it is not taken for lost
  std::mutex mutex;
  std::vector<std::unique_ptr<const Watchers>> replaced;  // guarded
};

// A forked child gets its own: a thread that is not there may hold its parent's.
Registry& registry() {
  static std::atomic<Registry*> current{nullptr};
  Registry* seen = current.load();
  if (seen && seen->process == fork_epoch()) return *seen;
  std::unique_ptr<Registry> fresh(new Registry{fork_epoch(), seen, {}, {}});
  return current.compare_exchange_strong(seen, fresh.get()) ? *fresh.release() : *seen;
}

extern "C" void tornado_on_signal(int signal) {
  ErrnoKeeper keep;
  handlers_running.fetch_add(1);
  if (const Watchers* watchers = watched[signal].watchers.load()) {
    for (const auto& mailbox : *watchers) mailbox->notify_signal(signal);
  }
  handlers_running.fetch_sub(1);
}

void publish(Watched& signal, std::unique_ptr<const Watchers> watchers,
             std::vector<std::unique_ptr<const Watchers>>& replaced) {
  replaced.reserve(replaced.size() + 1);
  if (watchers && watchers->empty()) watchers.reset();
  std::unique_ptr<const Watchers> old(signal.watchers.exchange(watchers.release()));
  if (old) replaced.push_back(std::move(old));
  if (handlers_running.load() == 0) replaced.clear();
}

bool is_ours(const struct sigaction& action) noexcept {
  return !(action.sa_flags & SA_SIGINFO) && action.sa_handler == &tornado_on_signal;
}

std::string act_on_signal(std::string_view act, int signal) {
  return std::string(act) + " signal " + std::to_string(signal);
}

void install(int signal, struct sigaction& previous) {
  struct sigaction action {};
  action.sa_handler = &tornado_on_signal;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  if (::sigaction(signal, &action, &previous) == -1) {
    throw_errno(act_on_signal("sigaction", signal));
  }
}

void restore(int signal, const struct sigaction& previous) {
  struct sigaction current {};
  if (::sigaction(signal, nullptr, &current) == 0 && is_ours(current)) {
    ::sigaction(signal, &previous, nullptr);
  }
}

}  // namespace

void watch_signal(int signal, std::shared_ptr<Mailbox> mailbox) {
  if (signal <= 0 || signal >= NSIG) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                act_on_signal("sigaction", signal));
  }
  Registry& ours = registry();
  const std::scoped_lock lock(ours.mutex);
  Watched& entry = watched[signal];
  const Watchers* old = entry.watchers.load();
  auto watchers = old ? std::make_unique<Watchers>(*old) : std::make_unique<Watchers>();
  watchers->push_back(std::move(mailbox));
  if (!old) install(signal, entry.previous);
  publish(entry, std::move(watchers), ours.replaced);
}

void unwatch_signal(int signal, const Mailbox& mailbox) {
  Registry& ours = registry();
  const std::scoped_lock lock(ours.mutex);
  Watched& entry = watched[signal];
  const Watchers* old = entry.watchers.load();
  if (!old) return;
  auto watchers = std::make_unique<Watchers>(*old);
  std::erase_if(*watchers, [&](const auto& one) { return one.get() == &mailbox; });
  if (watchers->empty()) restore(signal, entry.previous);
  publish(entry, std::move(watchers), ours.replaced);
}

}  // namespace tornado
