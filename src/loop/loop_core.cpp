// SPDX-License-Identifier: Apache-2.0
#include "loop/loop_core.h"

#include <algorithm>
#include <string>

#include "platform/log.h"
#include "platform/socket_hooks.h"
#include "platform/sync_point.h"
#include "platform/system_error.h"
#include "poller/poller.h"
#include "tornado/fd.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

std::atomic<int> open_loops{0};
std::atomic<std::uint32_t> last_id{0};

bool is_for_want_of_room(const std::error_code& error) noexcept {
  return error == std::errc::not_enough_memory ||
         error == std::errc::no_space_on_device;
}

}  // namespace

bool any_loop_open() noexcept {
  return open_loops.load() > 0;
}

void log_failure(const char* what, std::string_view trace) noexcept {
  try {
    std::string message = what;
    try {
      throw;
    } catch (const std::exception& error) {
      message.append(": ").append(error.what());
    } catch (...) {
      message.append(": not a std::exception");
    }
    message.append(trace);
    log(LogLevel::error, message);
  } catch (...) {
    log(LogLevel::error, what);
  }
}

void log_exception(const std::source_location& where, std::string_view trace) noexcept {
  if (!trace.empty()) return log_failure("Exception in task", trace);
  try {
    std::string message = "Exception in callback";
    if (where.line() != 0) {
      message.append(" added at ").append(where.file_name());
      message.append(":").append(std::to_string(where.line()));
    }
    log_failure(message.c_str());
  } catch (...) {
    log(LogLevel::error, "Exception in callback; out of memory while logging it");
  }
}

IOLoop::Impl::Impl(IOLoop& loop, const Options& options)
    : id(last_id.fetch_add(1) + 1),
      hooks(LoopHooks::of(options.hooks)),
      poller(new_poller(options.poller)),
      poller_kind(poller->kind()),
      turn_policy(options.turns),
      sleep_policy(hooks ? SleepPolicy() : SleepPolicy(options.spin)),
      mailbox(std::make_shared<Mailbox>(options.waker)),
      tasks(loop) {
  watch_waker();
  // A loop that does not run yet need not be woken.
  mailbox->waker().disarm();
  open_loops.fetch_add(1);
}

IOLoop::Impl::~Impl() = default;

void IOLoop::Impl::refuse(std::string_view act) const {
  if (closed) throw_error(Errc::loop_closed, act);
  if (!mailbox->ours()) throw_error(Errc::loop_forked, act);
  throw_error(Errc::wrong_thread, act);
}

void IOLoop::Impl::add(NativeFd fd, Handler handler, Events events,
                       const Location& where) {
  check_new(fd, events);
  HandlerTable::Entry& entry = handlers.add(fd, std::move(handler), events, where);
  if (events == Events::none) return;
  try {
    watch(entry, events);
  } catch (...) {
    remove(entry);
    throw;
  }
}

// A bad number is the poller's to find, at no cost, unless that would be too late.
void IOLoop::Impl::check_new(NativeFd fd, Events events) const {
  const bool known = handlers.knows(fd);
  if (!known && events != Events::none && handlers.covers(fd)) return;
  std::error_code ec;
  (void)is_close_exec(fd, ec);
  if (!ec && known) ec = std::make_error_code(std::errc::file_exists);
  if (ec) throw_error(ec, act_on("add_handler", fd));
}

// What a poller that stands in cannot do waits until the loop's own is back.
void IOLoop::Impl::watch(HandlerTable::Entry& entry, Events events) {
  if (!poller->supports(events) && stands_in()) return;
  if (!hooks && hooks_of(entry.fd)) {
    throw_error(
        std::make_error_code(std::errc::invalid_argument),
        act_on("add_handler: a simulated socket, and no simulated loop:", entry.fd));
  }
  poller->add(entry.fd, events, handlers.token(entry));
  entry.applied = events;
}

void IOLoop::Impl::unwatch(HandlerTable::Entry& entry) noexcept {
  if (entry.applied == Events::none) return;
  poller->remove(entry.fd);
  entry.applied = Events::none;
  entry.owed = false;
  entry.unwatched = looks;
}

void IOLoop::Impl::pause(HandlerTable::Entry& entry) noexcept {
  unwatch(entry);
  entry.interest = Events::none;
}

// Between two looks at the descriptors only the last change of one counts, and none if
// it takes back what was changed before. What cannot be waited for is refused here and
// now. A pause ends the reports at once, and only an add can fail: both are done here.
void IOLoop::Impl::change_interest(HandlerTable::Entry& entry, Events events) {
  if (events == Events::none) return pause(entry);
  if (!poller->supports(events) && !stands_in()) {
    throw_error(std::make_error_code(std::errc::not_supported),
                act_on("update_handler", entry.fd));
  }
  if (entry.applied == Events::none) {
    watch(entry, events);
  } else if (events != entry.applied || has(events, Events::one_shot)) {
    handlers.note_change(entry);
  }
  entry.interest = events;
}

void IOLoop::Impl::apply_changes() {
  while (handlers.has_changes()) {
    HandlerTable::Entry* entry = handlers.take_change();
    if (entry && entry->applied != Events::none) apply_change(*entry);
  }
}

void IOLoop::Impl::apply_change(HandlerTable::Entry& entry) {
  const Events events = entry.interest;
  if (events == Events::none) {
    // A one_shot that has fired; the poller may not know yet that it is one.
    if (!has(entry.applied, Events::one_shot)) unwatch(entry);
    return;
  }
  if (events == entry.applied && !has(events, Events::one_shot) && !entry.owed) return;
  if (!poller->supports(events)) return unwatch(entry);  // a stand-in
  try {
    poller->modify(entry.fd, events, handlers.token(entry));
    entry.applied = events;
    entry.owed = false;
  } catch (const std::system_error& error) {
    pause(entry);
    // Closed without being removed: forgotten, as by the poller.
    if (error.code() != std::errc::bad_file_descriptor) on_exception(entry.where);
  } catch (...) {
    pause(entry);
    on_exception(entry.where);
  }
}

void IOLoop::Impl::remove(HandlerTable::Entry& entry) noexcept {
  // The kernel first: once the number is the user's again it may be anybody's.
  if (entry.applied != Events::none && poller && mailbox->ours()) {
    poller->remove(entry.fd);
  }
  handlers.remove(entry);
  // A handler that runs stays whole, and events that wait are still told from stale
  // ones.
  if (!dispatching && ready.empty()) handlers.reclaim();
}

bool IOLoop::Impl::remove(TimeoutHandle timeout) noexcept {
  if (timeout.loop_ != id) return false;
  TimeoutCallback removed;
  return timers.remove({timeout.slot_, timeout.sequence_}, removed);
}

void IOLoop::Impl::remove_signal(int signal) noexcept {
  // Destroyed last, as its destructor may come back here.
  const auto doomed = signal_handlers.extract(signal);
  if (!doomed) return;
  unwatch_signal(signal, *mailbox);
  unblocked.remove(signal);
}

std::unique_ptr<Poller> IOLoop::Impl::new_poller(PollerKind kind) const {
  auto made = make_poller(kind);
  return hooks ? hooks->over(std::move(made)) : std::move(made);
}

// Gives the failure of the last that there was no room for, if there is one.
std::exception_ptr IOLoop::Impl::rebuild_poller(PollerKind kind) {
  auto other = new_poller(kind);
  std::swap(poller, other);
  try {
    watch_waker();
  } catch (...) {  // a loop that hears of no wake is worse than the old one
    std::swap(poller, other);
    throw;
  }
  if (kind == poller_kind) poller_kind = poller->kind();
  ready = {};
  handlers.for_each([](HandlerTable::Entry& entry) {
    entry.applied = Events::none;
    entry.owed = false;
  });
  return watch_all();
}

std::exception_ptr IOLoop::Impl::watch_all() noexcept {
  std::exception_ptr failure;
  handlers.for_each([&](HandlerTable::Entry& entry) {
    const Events events = entry.interest;
    if (events == Events::none || entry.applied != Events::none) return;
    try {
      watch(entry, events);
    } catch (const std::system_error& error) {
      // Closed without being removed, and its number perhaps another file's by now, or
      // the new set's own: forgotten, as by the poller before.
      if (is_for_want_of_room(error.code())) {
        failure = std::current_exception();
      } else {
        entry.applied = events;
      }
    } catch (...) {
      failure = std::current_exception();
    }
  });
  return failure;
}

void IOLoop::Impl::after_fork() {
  // Of the parent's threads only the one that forked is here.
  if (running && !mailbox->runs_here()) {
    running = false;
    unblocked = {};
    // A thread of the child may get the name of the one that ran the loop.
    mailbox->set_runner({});
  }
  std::unique_ptr<Watchdog> dog;
  if (watchdog) dog = std::make_unique<Watchdog>(monitor, watchdog->threshold());
  if (!mailbox->renew()) {
    log(LogLevel::warning, "IOLoop::after_fork: waiting callbacks were lost");
  }
  waker_broken = false;
  if (const auto failure = rebuild_poller(poller_kind)) {
    std::rethrow_exception(failure);
  }
  poller_broken = false;
  // Nothing fails from here on. Posts that were let in earlier could find no waker.
  mailbox->take_over();
  (void)watchdog.release();  // its thread is the parent's, and not to be joined
  watchdog = std::move(dog);
  if (watchdog && running) watchdog->watch();
  tasks.after_fork();
}

void IOLoop::Impl::close(bool all_fds) noexcept {
  if (closed.exchange(true)) return;
  sync_point(SyncPoint::loop_closing);
  tasks.close_executor();
  if (mailbox->ours()) {
    watchdog.reset();
  } else {
    (void)watchdog.release();  // its thread is the parent's, and not to be joined
  }
  for (const auto& [signal, entry] : signal_handlers) unwatch_signal(signal, *mailbox);
  // First the kernel's set: descriptors may be closed from here on, and the waker's
  // number may be anybody else's.
  poller.reset();
  ready = {};
  sync_point(SyncPoint::poller_closed);
  // What is destroyed from here on may come back. It finds the loop closed, and what is
  // left to take back.
  mailbox->close();
  tasks.close();
  calls.close();
  if (all_fds) close_descriptors();
  handlers.for_each([this](HandlerTable::Entry& entry) { handlers.remove(entry); });
  handlers.reclaim();
  mailbox->set_owner(nullptr);
  const auto unrun = std::exchange(batch, {});
  batch_waiting = 0;
  const auto never = timers.clear();
  const auto deaf = std::exchange(signal_handlers, {});
  const auto of_exceptions = std::exchange(exception_handler, {});
  open_loops.fetch_sub(1);
}

void IOLoop::Impl::close_descriptors() noexcept {
  dispatching = true;  // a file object's close() may remove the handler that owns it
  handlers.for_each([](HandlerTable::Entry& entry) {
    try {
      if (entry.closes_itself) {
        entry.handler(entry.fd, Events::none);
      } else {
        (void)try_close(entry.fd);
      }
    } catch (...) {
      log_exception(entry.where);
    }
  });
  dispatching = false;
}

}  // namespace tornado
