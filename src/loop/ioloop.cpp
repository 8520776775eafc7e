// SPDX-License-Identifier: Apache-2.0
#include "tornado/ioloop.h"

#include <cstdlib>
#include <string>

#include "loop/loop_core.h"
#include "platform/fork_epoch.h"
#include "platform/log.h"
#include "platform/system_error.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

/// This thread's current loop, held weakly: any thread may close it.
struct Current {
  enum class Life : std::uint8_t { before, during, after };
  static inline constinit thread_local Life life = Life::before;

  Current() noexcept { life = Life::during; }
  ~Current() { life = Life::after; }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

  LoopHandle loop;
};

/// Null after the end of the thread's variables: at the end of the thread, and in
/// exit().
LoopHandle* current_loop() noexcept {
  thread_local Current current;
  return Current::life == Current::Life::during ? &current.loop : nullptr;
}
// So that exit() on the main thread is known for what it is.
[[maybe_unused]] const LoopHandle* const of_main_thread = current_loop();

IOLoop* open_current_loop() noexcept {
  const LoopHandle* const current = current_loop();
  return current ? current->loop() : nullptr;
}

void set_current_loop(const LoopHandle& loop) noexcept {
  if (LoopHandle* const current = current_loop()) *current = loop;
}

// A closed loop's mailbox need not be kept.
void forget_closed_loop() noexcept {
  if (!open_current_loop()) set_current_loop({});
}

void require(bool given, std::string_view act) {
  if (!given) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                std::string(act) + ": no callable");
  }
}

void check_events(std::string_view act, NativeFd fd, Events events) {
  const bool any = has(events, Events::read | Events::write | Events::error);
  if (!any && events != Events::none) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                act_on(act, fd) + ": events without read, write or error");
  }
}

}  // namespace

/// A loop that runs on this thread, and is its current one.
class IOLoop::Impl::Run {
 public:
  explicit Run(Impl& impl) : impl_(impl) {
    if (const LoopHandle* const current = current_loop()) previous_ = *current;
    impl_.mailbox->set_runner(std::this_thread::get_id());
    impl_.running = true;
    set_current_loop(impl_.handle);
    if (impl_.watchdog) impl_.watchdog->watch();
    for (const auto& [signal, entry] : impl_.signal_handlers)
      impl_.unblocked.add(signal);
  }
  ~Run() {
    impl_.unblocked.clear();
    impl_.monitor.end_turn();
    if (impl_.watchdog) impl_.watchdog->unwatch();
    set_current_loop(previous_);
    impl_.running = false;
    impl_.mailbox->set_runner({});
    if (impl_.closing) impl_.close(impl_.close_all_fds);
    forget_closed_loop();
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

 private:
  Impl& impl_;
  LoopHandle previous_;
};

void IOLoop::Impl::post_taking_back(Mailbox& mailbox, Callback act) noexcept {
  try {
    mailbox.post(std::move(act), Location::current());
  } catch (const std::exception& error) {
    log(LogLevel::error,
        std::string("IOLoop: cannot remove from another thread: ") + error.what());
  }
}

IOLoop::IOLoop(const Options& options)
    : impl_([this, &options] {
        if (options.make_current == true && open_current_loop()) {
          throw_error(Errc::loop_running,
                      "IOLoop: make_current, but this thread has a current loop");
        }
        return new Impl(*this, options);
      }()) {
  impl_->mailbox->set_owner(this);
  if (options.make_current.value_or(!open_current_loop())) make_current();
}

IOLoop::~IOLoop() {
  if (impl_->running && impl_->mailbox->ours()) {
    // The process ends. Whether this is a callback or another thread's loop, all of it
    // must last until then.
    if (Current::life == Current::Life::after) return;
    log(LogLevel::error, "an IOLoop was destroyed while it was running");
    // A thread that never met a loop may be calling exit().
    if (Current::life == Current::Life::before) return;
    std::abort();
  }
  if (!impl_->closed) impl_->close(false);
  forget_closed_loop();
  delete impl_;
}

void IOLoop::add_handler(NativeFd fd, Handler handler, Events events, Location where) {
  impl_->check("add_handler");
  require(static_cast<bool>(handler), "add_handler");
  check_events("add_handler", fd, events);
  impl_->add(fd, std::move(handler), events, where);
}

void IOLoop::add_file_object(NativeFd fd, Handler handler, Events events,
                             Location where) {
  add_handler(fd, std::move(handler), events, where);
  impl_->handlers.find(fd)->closes_itself = true;
}

void IOLoop::update_handler(NativeFd fd, Events events) {
  impl_->check("update_handler");
  check_events("update_handler", fd, events);
  HandlerTable::Entry* entry = impl_->handlers.find(fd);
  if (!entry) {
    throw_error(std::make_error_code(std::errc::no_such_file_or_directory),
                act_on("update_handler", fd));
  }
  impl_->change_interest(*entry, events);
}

void IOLoop::remove_handler(NativeFd fd) noexcept {
  // Not a handler that is added before the loop's thread gets there.
  const auto latest = impl_->handlers.latest();
  Impl::take_back(*impl_->mailbox, [fd, latest](Impl& impl) {
    HandlerTable::Entry* const entry = impl.handlers.find(fd);
    if (!entry || HandlerTable::is_newer(*entry, latest)) return false;
    impl.remove(*entry);
    return true;
  });
}

bool IOLoop::add_callback(Callback callback, Location where) {
  return impl_->mailbox->post(std::move(callback), where);
}

bool IOLoop::spawn_callback(Callback callback, Location where) {
  require(static_cast<bool>(callback), "spawn_callback");
  auto logged = [inner = std::move(callback), where]() mutable {
    try {
      inner();
    } catch (...) {
      detail::pass_end_of_thread();
      log_exception(where);
    }
  };
  return impl_->mailbox->post(std::move(logged), where);
}

TimePoint IOLoop::time() const noexcept {
  return impl_->now();
}

TimeoutHandle IOLoop::call_at(TimePoint deadline, Callback callback, Location where) {
  impl_->check("call_at");
  require(static_cast<bool>(callback), "call_at");
  const auto id = impl_->timers.add(deadline, std::move(callback), where);
  return {impl_->id, id.slot, id.sequence};
}

TimeoutHandle IOLoop::call_later(Delay delay, Callback callback, Location where) {
  return call_at(delay.after(time()), std::move(callback), where);
}

bool IOLoop::remove_timeout(TimeoutHandle timeout) noexcept {
  return Impl::take_back(*impl_->mailbox,
                         [timeout](Impl& impl) { return impl.remove(timeout); });
}

bool IOLoop::update_timeout(TimeoutHandle& timeout, TimePoint deadline) {
  if (impl_->mailbox->closed()) return false;
  impl_->check("update_timeout");
  if (timeout.loop_ != impl_->id) return false;
  const auto id = impl_->timers.move({timeout.slot_, timeout.sequence_}, deadline);
  if (id.sequence == 0) return false;
  timeout = {impl_->id, id.slot, id.sequence};
  return true;
}

void IOLoop::add_signal_handler(int signal, SignalHandler handler, Location where) {
  impl_->check("add_signal_handler");
  require(static_cast<bool>(handler), "add_signal_handler");
  auto entry = std::make_shared<Impl::SignalEntry>(std::move(handler), where);
  const auto [at, inserted] =
      impl_->signal_handlers.try_emplace(signal, std::move(entry));
  if (!inserted) {
    throw_error(std::make_error_code(std::errc::file_exists),
                "add_signal_handler signal " + std::to_string(signal));
  }
  try {
    watch_signal(signal, impl_->mailbox);
  } catch (...) {
    impl_->signal_handlers.erase(at);
    throw;
  }
  if (impl_->running) impl_->unblocked.add(signal);
}

void IOLoop::remove_signal_handler(int signal) noexcept {
  Impl::take_back(*impl_->mailbox, [signal](Impl& impl) {
    impl.remove_signal(signal);
    return true;
  });
}

void IOLoop::start() {
  impl_->check("start");
  if (impl_->running) throw_error(Errc::loop_running, "start");
  const Impl::Run run(*impl_);
  if (!impl_->mailbox->take_stop()) impl_->run();
}

void IOLoop::run_until(const std::shared_ptr<detail::PendingResult>& result,
                       Callback first, std::optional<Delay> timeout,
                       const Location& where) {
  impl_->check("run_sync");
  if (impl_->running) throw_error(Errc::loop_running, "run_sync");
  std::optional<TimePoint> deadline;
  if (timeout) deadline = timeout->after(time());
  struct End {
    IOLoop& loop;
    detail::PendingResult& result;
    ~End() {
      result.give_up();
      loop.remove_timeout(result.alarm);
    }
  } const end{*this, *result};
  auto begin = [this, result, deadline, where, act = std::move(first)]() mutable {
    if (!result->is_open()) return;  // run_sync has ended, and what `act` refers to
    try {
      if (deadline) {
        result->alarm = call_at(
            *deadline, [result] { result->time_out(); }, where);
      }
      act();
    } catch (...) {
      detail::pass_end_of_thread();
      if (!result->fail(std::current_exception())) throw;
    }
  };
  add_callback(std::move(begin), where);
  start();
  if (result->take()) return;
  throw_error(result->timed_out() ? Errc::timed_out : Errc::loop_stopped, "run_sync");
}

bool IOLoop::running() const noexcept {
  return impl_->running;
}

IOLoop* IOLoop::current(bool instance) {
  IOLoop* const loop = open_current_loop();
  return loop || !instance ? loop : &IOLoop::instance();
}

IOLoop& IOLoop::instance() {
  static IOLoop* const loop = new IOLoop;
  return *loop;
}

void IOLoop::make_current() noexcept {
  set_current_loop(impl_->handle);
}
void IOLoop::clear_current() noexcept {
  set_current_loop({});
}

const LoopHandle& IOLoop::handle() const noexcept {
  return impl_->handle;
}

void IOLoop::close(bool all_fds) noexcept {
  if (impl_->closed) return;
  const bool here = impl_->mailbox->runs_here();
  if (impl_->running && (here || impl_->mailbox->ours())) {
    if (all_fds) impl_->close_all_fds = true;
    impl_->closing = true;
    if (here) return;
    stop();
    if (!impl_->running) impl_->close(all_fds);  // it has ended without looking
  } else {
    impl_->close(all_fds);
    forget_closed_loop();
  }
}

void IOLoop::after_fork() {
  if (impl_->closed) throw_error(Errc::loop_closed, "after_fork");
  if (!impl_->mailbox->ours()) impl_->after_fork();
}

void IOLoop::set_exception_policy(ExceptionPolicy policy) {
  impl_->check("set_exception_policy");
  impl_->policy = policy;
  // Destroyed last, as its destructor may come back here.
  const auto doomed = std::exchange(impl_->exception_handler, nullptr);
}

void IOLoop::handle_callback_exception(ExceptionHandler handler) {
  impl_->check("handle_callback_exception");
  require(static_cast<bool>(handler), "handle_callback_exception");
  auto doomed = std::make_shared<ExceptionHandler>(std::move(handler));
  std::swap(impl_->exception_handler, doomed);
}

void IOLoop::set_blocking_log_threshold(Delay threshold) {
  impl_->check("set_blocking_log_threshold");
  impl_->watchdog.reset();
  if (threshold.get() <= threshold.get().zero()) return;
  impl_->watchdog = std::make_unique<Watchdog>(impl_->monitor, threshold.get());
  if (impl_->running) impl_->watchdog->watch();
}

PollerKind IOLoop::poller() const noexcept {
  return impl_->poller_kind;
}

LoopCounters IOLoop::counters() const {
  LoopCounters result;
  result.turns = (impl_->monitor.turn + 1) / 2;
  result.callbacks = impl_->callbacks_run;
  result.timeouts = impl_->timeouts_run;
  result.events = impl_->events_dispatched;
  result.queue_depth = impl_->mailbox->queue().size() + impl_->batch_waiting;
  result.tasks = impl_->tasks.size();
  result.poller_rebuilt = impl_->pollers_rebuilt;
  result.asleep = std::chrono::nanoseconds(impl_->nanoseconds_asleep);
  result.waker = impl_->mailbox->waker().counters();
  return result;
}

}  // namespace tornado
