// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The event loop.

#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <utility>
#include <vector>

#include "tornado/callback.h"
#include "tornado/completion.h"
#include "tornado/events.h"
#include "tornado/loop_handle.h"
#include "tornado/loop_types.h"
#include "tornado/native.h"
#include "tornado/task_function.h"
#include "tornado/task_info.h"
#include "tornado/time.h"

#pragma push_macro("fileno")
#undef fileno

namespace tornado {

/// An object with a descriptor that can close itself.
template <class T>
concept FileObject = requires(T& object) {
  { object.fileno() } -> std::convertible_to<NativeFd>;
  object.close();
};

/// Waits for descriptors, timeouts, signals and callbacks from other threads. Runs one
/// callback at a time, on the thread that called start().
///
/// Threads: add_callback, spawn_callback, stop and counters are for any thread while
/// the loop lives. Signal handlers may call stop and add_callback_from_signal. A copy
/// of handle() works on any thread, also after the loop is gone. All other calls are
/// for the thread that runs the loop; on another thread they throw Errc::wrong_thread.
/// Between runs any one thread may make them. A loop may be destroyed while another
/// thread is still inside the add_callback or stop() that ended it.
///
/// Taking back never throws. Any code may call remove_handler, remove_timeout,
/// remove_signal_handler and close() at any time, twice, and from any destructor. A
/// call that finds nothing to take back does nothing. On another thread while the loop
/// runs, the loop takes back in its next turn. tornado/registration.h has objects that
/// take back in their destructors.
///
/// A callback may throw. It may stop or close the loop, and add and remove callbacks,
/// itself included. It may not start() or destroy the loop that runs it.
///
/// Fork: in the child the loop is the parent's until after_fork(). Until then, calls
/// that change or run the loop throw Errc::loop_forked, and posts return false. The
/// check costs no system call. The child does not touch the parent's kernel objects.
/// What the child takes back is taken from its copy, and after_fork() does not restore
/// it. If another thread ran the loop at the fork, the copy does not change. A signal
/// has the disposition from before add_signal_handler.
class TORNADO_API IOLoop {
 public:
  using Options = LoopOptions;
  using Location = std::source_location;
  using Handler = UniqueFunction<void(NativeFd, Events), 24>;
  using SignalHandler = UniqueFunction<void(int)>;
  using ExceptionHandler = UniqueFunction<void(std::exception_ptr)>;

  explicit IOLoop(const Options& options = {});
  explicit IOLoop(PollerKind poller) : IOLoop(Options{poller, {}, {}}) {}
  /// Closes the loop. Ends the program if the loop is running, except in exit(), which
  /// leaves a static loop as it is.
  ~IOLoop();
  IOLoop(const IOLoop&) = delete;
  IOLoop& operator=(const IOLoop&) = delete;

  /// @name Descriptors
  /// Level-triggered, unless `events` has Events::edge. The descriptor stays yours:
  /// call remove_handler before you close it. Errors, with the call and the number:
  /// EEXIST there is a handler; EBADF not open; ENOENT update without a handler; EPERM
  /// a regular file with epoll (poll and select report it as ready); EINVAL beyond
  /// select's limit, or `events` without read, write and error; not_supported a mode
  /// that the poller lacks.
  /// @{
  void add_handler(NativeFd fd, Handler handler, Events events,
                   Location where = Location::current());
  /// The handler gets `object`, which must outlive the registration.
  template <FileObject T, class F>
  requires std::invocable<F&, T&, Events>
  void add_handler(T& object, F handler, Events events,
                   Location where = Location::current()) {
    auto call = [&object, f = std::move(handler)](NativeFd, Events e) mutable {
      if (e == Events::none) return static_cast<void>(object.close());  // close(true)
      f(object, e);
    };
    add_file_object(object.fileno(), std::move(call), events, where);
  }
  /// Changes the events before the loop next waits. Any number of changes until then
  /// costs one system call at most. On error nothing changes. If the kernel lacks
  /// memory for the change, the loop reports that as an exception and pauses the
  /// handler.
  void update_handler(NativeFd fd, Events events);
  template <FileObject T>
  void update_handler(T& object, Events events) {
    update_handler(object.fileno(), events);
  }
  /// The loop does not call the handler again, even if it has an event for it already.
  /// The next owner of the number never gets that event. On another thread while the
  /// loop runs, the loop may call the handler until it has removed it: close the
  /// descriptor in a later callback.
  void remove_handler(NativeFd fd) noexcept;
  template <FileObject T>
  void remove_handler(T& object) {
    remove_handler(object.fileno());
  }
  /// @}

  /// @name Callbacks
  /// Callbacks run in the order in which they were added, over all threads. A callback
  /// that another callback or a timeout adds runs in the next turn. A callback that a
  /// handler of a descriptor or signal adds runs in the same turn, as in Tornado.
  ///
  /// False if the loop is closed, or is the parent's: the callable is destroyed. You
  /// may ignore the result, as true does not promise a run: close() destroys callables
  /// that have not run. The destructor of the callable always tells.
  /// @{
  bool add_callback(Callback callback, Location where = Location::current());
  /// Logs an exception of the callback, whatever the exception policy.
  bool spawn_callback(Callback callback, Location where = Location::current());
  /// For a coroutine function, which lives until its task has ended.
  template <class F>
  requires TaskFunction<F>
  bool add_callback(F function, Location where = Location::current());
  template <class F>
  requires TaskFunction<F>
  bool spawn_callback(F function, Location where = Location::current()) {
    return add_callback(std::move(function), where);
  }
  /// Starts a task that the loop owns. Closing the loop destroys it. An exception goes
  /// to handle_callback_exception. Throws std::errc::invalid_argument for an empty
  /// task, and for the task of a lambda with captures: pass the lambda itself.
  bool spawn_callback(Task<void> task, Location where = Location::current());
  /// Async-signal-safe. The loop has room for 256 such callbacks. False if it is full,
  /// which loses the callback, or if the loop is closed. For callables of up to 32
  /// bytes that are copied byte by byte, such as a lambda that captures pointers.
  template <SignalSafeCallable F>
  [[nodiscard]] bool add_callback_from_signal(F callback) noexcept {
    return handle().add_callback_from_signal(callback);
  }
  /// @}

  /// @name Timeouts
  /// The clock is monotonic, with nanoseconds. A timeout never runs early. Timeouts run
  /// in the order of their deadlines, and then in the order of adding. A delay of zero
  /// or less is due at once. A delay beyond the end of the clock never ends.
  /// @{
  [[nodiscard]] TimePoint time() const noexcept;
  TimeoutHandle call_at(TimePoint deadline, Callback callback,
                        Location where = Location::current());
  TimeoutHandle call_later(Delay delay, Callback callback,
                           Location where = Location::current());
  TimeoutHandle add_timeout(TimePoint deadline, Callback callback,
                            Location where = Location::current()) {
    return call_at(deadline, std::move(callback), where);
  }
  TimeoutHandle add_timeout(Delay delay, Callback callback,
                            Location where = Location::current()) {
    return call_later(delay, std::move(callback), where);
  }
  /// Destroys the callable at once. True if it had not run, and now never will. False
  /// if it has run or was removed, or if the handle is empty or of another loop. False
  /// on another thread while the loop runs: the timeout may still run before the loop
  /// removes it.
  bool remove_timeout(TimeoutHandle timeout) noexcept;
  /// Moves the timeout to another deadline, and makes `timeout` its new name. A later
  /// deadline costs a few stores. False if the timeout has run or was removed, or if
  /// the loop is closed or the parent's.
  bool update_timeout(TimeoutHandle& timeout, TimePoint deadline);
  /// @}

  /// @name Signals
  /// `handler` runs on the loop some time after the signal. Several signals may cause
  /// one call. Any number of loops may watch one signal. When the last of them stops,
  /// the library restores the earlier sigaction, unless other code has replaced it.
  /// Errors: EINVAL a signal that cannot be caught; EEXIST there is a handler;
  /// not_supported on Windows, except SIGINT and SIGBREAK of a console.
  ///
  /// While the loop runs, its thread unblocks the watched signals: a signal that was
  /// sent before start() arrives then. The end of start() restores the mask, and
  /// remove_signal_handler restores it for its signal. If other code replaces the
  /// library's sigaction, the next add_signal_handler of any loop installs it again.
  /// @{
  void add_signal_handler(int signal, SignalHandler handler,
                          Location where = Location::current());
  /// Starts a task for each call.
  template <class F>
  requires TaskFunction<F, int>
  void add_signal_handler(int signal, F handler, Location where = Location::current());
  void remove_signal_handler(int signal) noexcept;
  /// @}

  /// @name Running
  /// @{
  /// Runs until stop(). Throws Errc::loop_running from within the loop itself.
  void start();
  /// Ends start() after the callbacks of the current turn. If the loop does not run,
  /// the next start() returns at once. For any thread and any signal handler.
  void stop() noexcept { handle().stop(); }
  /// Runs the loop until `func()`, called on it, has returned. Gives its result, or
  /// throws its exception. Without a result, throws Errc::timed_out, or
  /// Errc::loop_stopped after stop(). The timeout does not end the run before `func()`
  /// was called; a timeout of zero allows one look at the descriptors after the call.
  /// An exception that leaves start() leaves run_sync, too.
  template <class F>
  requires(std::invocable<F&> && !AnyTaskFunction<F>) std::invoke_result_t<F&> run_sync(
      F func, std::optional<Delay> timeout = {}, Location where = Location::current());
  /// The same for a `func(Completion<T>)` that finishes later, on any thread. An
  /// exception of `func` is the result. If there is a result already, the exception is
  /// one of a callback.
  template <class T, class F>
  requires std::invocable<F&, Completion<T>> T run_sync(
      F func, std::optional<Delay> timeout = {}, Location where = Location::current());
  /// The same for a task. The timeout cancels the task. When the task has ended, its
  /// result is returned, or Errc::timed_out is thrown.
  template <class T>
  T run_sync(Task<T> task, std::optional<Delay> timeout = {},
             Location where = Location::current());
  /// The same for the task that `func` makes.
  template <AnyTaskFunction F>
  auto run_sync(F func, std::optional<Delay> timeout = {},
                Location where = Location::current()) {
    return run_sync(func(), timeout, where);
  }
  [[nodiscard]] bool running() const noexcept;
  /// @}

  /// The current loop of this thread. If there is none: instance(), or nullptr for
  /// `instance` false. A loop that runs is its thread's current loop. A closed loop is
  /// no thread's current loop.
  [[nodiscard]] static IOLoop* current(bool instance = true);
  /// The loop of the process. The first call makes it, and it is never destroyed.
  [[nodiscard]] static IOLoop& instance();
  void make_current() noexcept;
  static void clear_current() noexcept;

  /// Gives everything back. With `all_fds` it also closes the registered descriptors,
  /// and calls close() of file objects. In a callback, or on another thread, it stops a
  /// running loop, which closes when start() returns.
  void close(bool all_fds = false) noexcept;

  /// In a forked child: makes the loop the child's own. The loop gets new kernel
  /// objects and keeps its handlers, timeouts and callbacks. Elsewhere it does nothing.
  /// If another thread was posting at the fork, the waiting callbacks are lost, and the
  /// log says so. If it throws, for want of descriptors or memory, you may call it
  /// again.
  void after_fork();

  /// Sets the executor of run_in_executor. It must outlive the loop.
  void set_default_executor(Executor& executor);

  void set_exception_policy(ExceptionPolicy policy);
  /// Calls `handler` with each exception of a callback, within the catch. An exception
  /// of `handler` leaves start(). The handler may replace itself.
  void handle_callback_exception(ExceptionHandler handler);

  /// Logs a warning once per turn that takes longer than `threshold`. The warning has
  /// the stack of the loop's thread, and the place where the callback was added. Zero,
  /// the default, turns it off. Costs one thread, and borrows SIGURG for an instant. On
  /// Linux a thread in a system call is not interrupted: the warning has the number of
  /// the call instead of the stack. On other systems, and without /proc, a call such as
  /// poll() in a slow callback may fail with EINTR.
  void set_blocking_log_threshold(Delay threshold);

  [[nodiscard]] const LoopHandle& handle() const noexcept;
  [[nodiscard]] PollerKind poller() const noexcept;
  [[nodiscard]] LoopCounters counters() const;
  /// For the loop's thread.
  [[nodiscard]] std::vector<TaskInfo> tasks() const;

 private:
  friend class detail::TaskScheduler;
  friend class Registration;
  friend class Timeout;
  void add_file_object(NativeFd fd, Handler handler, Events events, Location where);
  /// Calls `first` on the loop, and runs until there is a result. Throws if none comes.
  void run_until(const std::shared_ptr<detail::PendingResult>& result, Callback first,
                 std::optional<Delay> timeout, const Location& where);

  struct Impl;
  // Stays as it is, and is not deleted, if the program exits while the loop runs.
  Impl* const impl_;
};

}  // namespace tornado

#pragma pop_macro("fileno")

#include "tornado/run_sync.h"  // the templates of this class
