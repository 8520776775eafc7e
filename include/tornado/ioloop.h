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
#include "tornado/error.h"
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

/// Something with a descriptor that knows how to close itself.
template <class T>
concept FileObject = requires(T& object) {
  { object.fileno() } -> std::convertible_to<NativeFd>;
  object.close();
};

/// Waits for descriptors, timeouts, signals and callbacks from other threads, and runs
/// one callback at a time on the thread that called start().
///
/// Threads: add_callback, spawn_callback, stop and counters are for any thread while
/// the loop lives; add_callback_from_signal and stop for signal handlers too; a copied
/// handle() also for after its end. All else belongs to the thread that runs the loop
/// (a running loop refuses others: Errc::wrong_thread), or, between runs, to any one.
/// A thread may still be inside add_callback or stop() when the loop that it ended is
/// destroyed.
///
/// Taking back never throws. remove_handler, remove_timeout, remove_signal_handler and
/// close() may be called at any time, twice, and from any destructor, also one that
/// close() runs. They do nothing where there is nothing to take back. On another thread
/// while the loop runs they only ask: the loop takes back in its next turn.
///
/// A callback may throw, stop, close, add and remove whatever it likes, itself
/// included. It may not start() or destroy the loop that runs it.
///
/// After fork() the child finds that the loop is its parent's: what would change or run
/// it throws Errc::loop_forked, posts return false, and the parent's kernel objects are
/// left alone, until after_fork(). This is noticed without a system call. What the
/// child takes back is taken from its copy, and after_fork() does not restore it; if
/// another thread ran the loop at the fork, the copy is left as it is. A signal does
/// what it did before add_signal_handler.
class TORNADO_API IOLoop {
 public:
  using Options = LoopOptions;
  using Location = std::source_location;
  using Handler = UniqueFunction<void(NativeFd, Events), 24>;
  using SignalHandler = UniqueFunction<void(int)>;
  using ExceptionHandler = UniqueFunction<void(std::exception_ptr)>;

  explicit IOLoop(const Options& options = {});
  explicit IOLoop(PollerKind poller) : IOLoop(Options{poller, WakerKind::best, {}}) {}
  /// As close(). Ends the program if the loop is running, except at exit: exit() in a
  /// callback, or while another thread runs the loop, leaves a static loop as it is.
  ~IOLoop();
  IOLoop(const IOLoop&) = delete;
  IOLoop& operator=(const IOLoop&) = delete;

  /// @name Descriptors
  /// Level-triggered unless Events::edge is asked for. The descriptor stays yours: call
  /// remove_handler before you close it. Errors name the act and the number: EEXIST
  /// added twice; EBADF not open; ENOENT update of an unknown one; EPERM a regular file
  /// with epoll (poll and select call those always ready); EINVAL beyond select's
  /// limit, or no bit of read, write and error; not_supported a mode the poller lacks.
  /// @{
  void add_handler(NativeFd fd, Handler handler, Events events,
                   Location where = Location::current());
  /// The handler gets the very object, which must outlive the registration.
  template <FileObject T, class F>
  requires std::invocable<F&, T&, Events>
  void add_handler(T& object, F handler, Events events,
                   Location where = Location::current()) {
    auto call = [&object, f = std::move(handler)](NativeFd, Events e) mutable {
      f(object, e);
    };
    add_file_object(
        object.fileno(), std::move(call), [&object] { object.close(); }, events, where);
  }
  /// Changes what is waited for, before the loop next looks: many changes of one
  /// descriptor until then cost one system call at most, the same events again none.
  /// Throws what add_handler throws for the same events, and changes nothing then. If
  /// the kernel refuses later, for want of memory, that is reported once as an
  /// exception of a callback, and the registration is paused.
  void update_handler(NativeFd fd, Events events);
  template <FileObject T>
  void update_handler(T& object, Events events) {
    update_handler(object.fileno(), events);
  }
  /// The handler is not called again, even if its event was reported in this turn
  /// already, and never for the next owner of the number. No error if there is none.
  /// On another thread while the loop runs, the handler may be called until the loop
  /// has removed it: close the descriptor in a later callback.
  void remove_handler(NativeFd fd) noexcept;
  template <FileObject T>
  void remove_handler(T& object) {
    remove_handler(object.fileno());
  }
  /// @}

  /// @name Callbacks
  /// Run in the order in which they were added, total over all threads. A callback that
  /// a callback or a timeout adds runs in the next turn, after a look at the
  /// descriptors. A callback that the handler of a descriptor or of a signal adds runs
  /// in the same turn, as in Tornado. False if the loop is closed (or the parent's):
  /// the callable is then destroyed, as are those that have not run when the loop
  /// closes.
  /// @{
  bool add_callback(Callback callback, Location where = Location::current());
  /// As add_callback, but its exception is logged whatever the policy.
  bool spawn_callback(Callback callback, Location where = Location::current());
  /// For a coroutine: it is kept until its task has ended.
  template <class F>
  requires TaskFunction<F>
  bool add_callback(F function, Location where = Location::current());
  template <class F>
  requires TaskFunction<F>
  bool spawn_callback(F function, Location where = Location::current()) {
    return add_callback(std::move(function), where);
  }
  /// Runs a task that the loop owns, and destroys when it closes. std::errc::
  /// invalid_argument for an empty task, or one of a lambda with captures, which would
  /// dangle: pass the lambda itself.
  bool spawn_callback(Task<void> task, Location where = Location::current());
  /// Async-signal-safe: the room, for 256 callbacks, was made beforehand. False if that
  /// is full or the loop is closed. For callables of up to 32 bytes that are copied
  /// byte by byte, such as a lambda that captures pointers.
  template <SignalSafeCallable F>
  bool add_callback_from_signal(F callback) noexcept {
    return handle().add_callback_from_signal(callback);
  }
  /// @}

  /// @name Timeouts
  /// Monotonic, in nanoseconds, never early, in the order of deadlines and then of
  /// adding. A delay of zero or less is due at once; one too long for the clock never.
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
  /// Destroys the callable at once. True if it had not run, and now never will. No
  /// error if it has, was removed, or belongs to another loop. False on another thread
  /// while the loop runs: it may still run before the loop removes it.
  bool remove_timeout(TimeoutHandle timeout) noexcept;
  /// As removing it and adding it with another deadline, for less; a later one costs a
  /// few stores. False if it has run or was removed, or the loop is closed (or the
  /// parent's). `timeout` becomes its new name.
  bool update_timeout(TimeoutHandle& timeout, TimePoint deadline);
  /// @}

  /// @name Signals
  /// `handler` runs on the loop some time after the signal, at times once for several.
  /// Any number of loops may watch one. After the last the sigaction from before comes
  /// back as it was, unless other code has replaced the library's. EINVAL what cannot
  /// be caught; EEXIST twice; not_supported on Windows but SIGINT, SIGBREAK of a
  /// console.
  ///
  /// While the loop runs, its thread lets watched signals in that it had blocked: a
  /// signal that was sent before start() arrives then. The mask is restored when
  /// start() ends, and for one signal when its handler is removed. If other code
  /// replaces the library's sigaction, the next add_signal_handler of any loop installs
  /// it again for all of them.
  /// @{
  void add_signal_handler(int signal, SignalHandler handler,
                          Location where = Location::current());
  /// Starts a task each time.
  template <class F>
  requires TaskFunction<F, int>
  void add_signal_handler(int signal, F handler, Location where = Location::current());
  /// No error if there is none.
  void remove_signal_handler(int signal) noexcept;
  /// @}

  /// @name Running
  /// @{
  /// Runs until stop(). Errc::loop_running from within itself.
  void start();
  /// Ends start() after the current turn's callbacks, or, if it does not run, makes the
  /// next start() return at once. Any thread, any signal handler.
  void stop() noexcept { handle().stop(); }
  /// Runs the loop until `func()`, called on it, has returned; gives its result or
  /// throws its exception. Errc::timed_out, or Errc::loop_stopped after stop(), if
  /// there is no result by then: one that is there is given, whatever ended the run.
  /// The timeout does not end the run before `func()` was called: with zero there is
  /// time for one look at the descriptors after it. What leaves start() leaves
  /// run_sync, too.
  template <class F>
  requires(std::invocable<F&> && !AnyTaskFunction<F>) std::invoke_result_t<F&> run_sync(
      F func, std::optional<Delay> timeout = {}, Location where = Location::current());
  /// The same for a `func(Completion<T>)` that finishes later, on any thread. What it
  /// throws is the result, or, if that is set already, an exception of a callback.
  template <class T, class F>
  requires std::invocable<F&, Completion<T>> T run_sync(
      F func, std::optional<Delay> timeout = {}, Location where = Location::current());
  /// The same for a task. At the timeout the task is cancelled, and Errc::timed_out is
  /// thrown when it has ended; a result that it has by then is returned.
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

  /// The loop of this thread; if it has none, instance(), or nullptr for `instance`
  /// false. While a loop runs it is its thread's current one. A loop that is closed, on
  /// whatever thread, is no thread's current one.
  [[nodiscard]] static IOLoop* current(bool instance = true);
  /// The loop of the process, made at the first call and never destroyed.
  [[nodiscard]] static IOLoop& instance();
  void make_current() noexcept;
  static void clear_current() noexcept;

  /// Gives everything back; with `all_fds` also closes every registered descriptor,
  /// file objects by their own close(). From a callback, or from another thread while
  /// the loop runs: stops the loop, and closes it when start() returns. Twice: nothing.
  void close(bool all_fds = false) noexcept;

  /// In a forked child: makes the loop the child's own, with new kernel objects and
  /// all that was registered, added and posted before the fork. Otherwise: nothing.
  /// If another thread was posting at the moment of the fork, the callbacks that waited
  /// cannot be saved; that is logged. When it throws, for want of descriptors or
  /// memory, the loop is still the parent's, and may be taken over by another try.
  void after_fork();

  /// For run_in_executor, in the place of the loop's own executor. Must outlive the
  /// loop.
  void set_default_executor(Executor& executor);

  void set_exception_policy(ExceptionPolicy policy);
  /// Calls `handler` instead, within the catch. What leaves it leaves start(). It may
  /// replace itself.
  void handle_callback_exception(ExceptionHandler handler);

  /// Logs a warning with the stack of the loop's thread, and the place where the
  /// running callback was added, once per turn that takes longer than `threshold`.
  /// Zero: never, as at first. Costs one thread, and borrows SIGURG for an instant. On
  /// Linux a thread that waits in a system call is not interrupted: the warning has the
  /// number of the call in the place of the stack. On other systems, and without /proc,
  /// a call such as poll() in a slow callback may fail with EINTR.
  void set_blocking_log_threshold(Delay threshold);

  [[nodiscard]] const LoopHandle& handle() const noexcept;
  [[nodiscard]] PollerKind poller() const noexcept;
  /// Costs no system call.
  [[nodiscard]] LoopCounters counters() const;
  /// Where each task is now, and what it waits for. For the loop's thread; runs none.
  [[nodiscard]] std::vector<TaskInfo> tasks() const;

 private:
  friend class detail::TaskScheduler;
  void add_file_object(NativeFd fd, Handler handler, Callback closer, Events events,
                       Location where);
  /// Runs until `first`, which is called on the loop, has brought a result about.
  /// Throws if there is none.
  void run_until(const std::shared_ptr<PendingResult>& result, Callback first,
                 std::optional<Delay> timeout, const Location& where);

  struct Impl;
  // Stays as it is, and is not deleted, if the program exits while the loop runs.
  Impl* const impl_;
};

}  // namespace tornado

#pragma pop_macro("fileno")

#include "tornado/run_sync.h"  // the templates of this class
