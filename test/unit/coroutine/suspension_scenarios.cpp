// SPDX-License-Identifier: Apache-2.0
#include "suspension_scenarios.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <coroutine>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <thread>
#include <vector>

#include "tornado/async_generator.h"
#include "tornado/channel.h"
#include "tornado/executor.h"
#include "tornado/fd.h"
#include "tornado/gen.h"
#include "tornado/iostream.h"
#include "tornado/locks.h"
#include "tornado/queues.h"
#include "tornado/simulated_network.h"
#include "tornado/subprocess.h"
#include "tornado/task_group.h"
#include "tornado/tcp_client.h"
#include "tornado/tcp_server.h"
#include "tornado/wait_iterator.h"
#if defined(TORNADO_TLS_ENDS)
#include "tls_ends.h"
#endif

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

;

Task<int> naps(int times) {
  const Local local;
  for (int i = 0; i < times; ++i) co_await sleep(1ms);
  co_return times;
}
Task<int> steps(int times) {
  const Local local;
  for (int i = 0; i < times; ++i) co_await moment();
  co_return times;
}

// Scenarios.

Task<> sleeps(Simulation&) {
  const Local local;
  (void)co_await naps(3);
  (void)co_await steps(3);
}
Task<> has_children(Simulation&) {
  const Local local;
  (void)co_await multi(naps(2), steps(2), naps(1));
  (void)co_await first_of(naps(3), steps(1));
}
Task<> has_deadlines(Simulation&) {
  const Local local;
  (void)co_await with_timeout(10ms, naps(2));
  bool timed_out = false;
  try {
    (void)co_await with_timeout(1ms, naps(3));
  } catch (const std::system_error& error) {
    timed_out = error.code() == Errc::timed_out;
  }
  EXPECT_TRUE(timed_out);
}
Task<> cleans_up(Simulation&) {
  const Local local;
  bool cancelled = false;
  try {
    (void)co_await naps(3);
  } catch (const Cancelled&) {
    cancelled = true;
  }
  (void)co_await shielded(naps(2));
  if (cancelled) co_await moment();
}
Task<> has_a_group(Simulation&) {
  const Local local;
  TaskGroup group;
  for (int i = 0; i < 3; ++i) {
    group.start([](int n) -> Task<> { (void)co_await naps(n); }, i);
  }
  co_await group.join();
}
Task<> reads_pipe(int fd) {
  const Local local;
  char byte = 0;
  co_await readable(fd);
  (void)!::read(fd, &byte, 1);  // a forked process may have taken it
}
Task<> writes_pipe(int fd) {
  const Local local;
  (void)co_await naps(1);
  co_await writable(fd);
  (void)!::write(fd, "x", 1);
}
Task<> waits_for_descriptors(Simulation&) {
  const Local local;
  const FdPair pipe = make_pipe();
  (void)co_await multi(reads_pipe(pipe.first.get()), writes_pipe(pipe.second.get()));
}
Task<> holds(Lock& lock) {
  const Local local;
  const auto guard = co_await lock.acquire();
  (void)co_await naps(1);
}
Task<> shares_a_lock(Simulation&) {
  const Local local;
  Lock lock;
  (void)co_await multi(holds(lock), holds(lock), holds(lock));
}
Task<> produces(Queue<Local>& queue) {
  const Local local;
  for (int i = 0; i < 4; ++i) co_await queue.put(Local());
}
Task<> consumes(Queue<Local>& queue) {
  const Local local;
  for (int i = 0; i < 4; ++i) {
    const Local item = co_await queue.get();
    co_await moment();
    queue.task_done();
  }
}
Task<> passes_items(Simulation&) {
  const Local local;
  Queue<Local> queue(1);
  (void)co_await multi(produces(queue), consumes(queue));
  co_await queue.join();
}
Task<> iterates(Simulation&) {
  const Local local;
  std::vector<Task<int>> tasks;
  tasks.push_back(naps(2));
  tasks.push_back(steps(2));
  WaitIterator<int> results(std::move(tasks));
  while (!results.done()) (void)co_await results.next();
}

AsyncGenerator<Local> few() {
  const Local local;
  for (int i = 0; i < 3; ++i) {
    (void)co_await naps(i % 2);
    co_yield Local();
    co_await moment();
  }
}
Task<> takes_from_a_generator(Simulation&) {
  const Local local;
  auto items = few();
  while (const auto item = co_await items.next()) co_await moment();
}

Task<> waits_for_events(Event& event, Condition& condition, Semaphore& permits) {
  const Local local;
  co_await event.wait();
  const bool notified = co_await condition.wait(2ms);
  if (notified) co_await moment();
  const SemaphorePermit permit = co_await permits.acquire();
  (void)co_await naps(1);
}
Task<> sets_events(Event& event, Condition& condition, Semaphore& permits) {
  const Local local;
  co_await moment();
  event.set();
  (void)co_await naps(1);
  condition.notify_all();
  permits.release();
}
Task<> notifies(Simulation&) {
  const Local local;
  Event event;
  Condition condition;
  Semaphore permits(0);
  (void)co_await multi(waits_for_events(event, condition, permits),
                       waits_for_events(event, condition, permits),
                       sets_events(event, condition, permits));
}

Task<> sends(Channel<Local>& channel) {
  const Local local;
  for (int i = 0; i < 4; ++i) co_await channel.send(Local());
  channel.close();
}
Task<> receives(Channel<Local>& channel) {
  const Local local;
  for (;;) {
    const std::optional<Local> item = co_await channel.receive(1s);
    if (!item) co_return;
    co_await moment();
  }
}
Task<> sends_messages(Simulation&) {
  const Local local;
  Channel<Local> channel(1);
  (void)co_await multi(sends(channel), receives(channel), receives(channel));
}

Task<> gets_results(Simulation&) {
  const Local local;
  IOLoop& loop = *IOLoop::current();
  const auto by_timeout = [&loop](const Completion<Local>& done) {
    loop.call_later(1ms, [done] { (void)done.set_value(); });
  };
  (void)co_await until<Local>(by_timeout);
  const auto at_once = [](const Completion<Local>& done) { (void)done.set_value(); };
  (void)co_await until<Local>(at_once);
  const auto dropped = [](const Completion<Local>&) {};
  bool abandoned = false;
  try {
    (void)co_await until<Local>(dropped);
  } catch (const std::system_error& error) {
    abandoned = error.code() == Errc::abandoned;
  }
  EXPECT_TRUE(abandoned);
}

/// Of another library: resumes by a timeout, which it takes back at its end.
class ByTimeout {
 public:
  explicit ByTimeout(IOLoop& loop) noexcept : loop_(loop) {}
  ByTimeout(const ByTimeout&) = delete;
  ByTimeout& operator=(const ByTimeout&) = delete;
  ~ByTimeout() { loop_.remove_timeout(timeout_); }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    timeout_ = loop_.call_later(1ms, [handle] { handle.resume(); });
  }
  Local await_resume() const noexcept { return {}; }

 private:
  IOLoop& loop_;
  TimeoutHandle timeout_;
};
Task<> awaits_another_library(Simulation&) {
  const Local local;
  for (int i = 0; i < 2; ++i) {
    ByTimeout awaitable(*IOLoop::current());
    const Local result = co_await awaitable;
    co_await moment();
  }
}

Task<> hears(int signal) {
  const Local local;
  (void)co_await tornado::signal(signal);
}
Task<> raises(int signal) {
  const Local local;
  (void)co_await naps(1);
  std::raise(signal);
}
Task<> hears_signals(Simulation&) {  // which are ignored where no loop watches
  const Local local;
  (void)co_await multi(hears(SIGWINCH), raises(SIGWINCH));
}

Task<> asks_for_tokens(Simulation&) {
  const Local local;
  const std::stop_token token = co_await stop_token();
  bool stopped = false;
  const std::stop_callback note(token, [&] { stopped = true; });
  (void)co_await naps(2);
  if (stopped) co_await moment();
}

Task<> uses_threads(Simulation& simulation) {
  const Local local;
  const auto held = simulation.hold_time();
  // No Local goes there: in a forked child nothing would end that of a job that ran.
  const auto job = [](int value) { return value; };
  const auto waits = [](const std::stop_token& token) {
    for (int i = 0; i < 20 && !token.stop_requested(); ++i) std::this_thread::yield();
  };
  const auto refused = [](const std::system_error& error) {
    return error.code() == Errc::executor_closed;
  };
  try {
    (void)co_await run_in_executor(job, 1);
    co_await run_in_executor(waits);
  } catch (const std::system_error& error) {
    if (!refused(error)) throw;  // in a forked child, which has none of the threads
  }
}

Task<> has_a_process(Simulation& simulation) {
  const Local local;
  const auto held = simulation.hold_time();
  SpawnOptions options;
  options.argv = {"/bin/true"};
  Subprocess child(options);
  (void)co_await child.exited();
}

constexpr StreamOptions small_room{.write_room = 1};

/// A forked child has the same sockets, and may take what the other process waits for.
template <class F>
Task<> until_it_ends(F talk) {
  const Local local;
  try {
    co_await talk();
  } catch (const StreamClosedError&) {
  } catch (const ConnectError&) {
  } catch (const std::system_error& error) {
    if (error.code() != Errc::timed_out) throw;
  }
}
Task<> asks(IOStream& stream) {
  const Local local;
  for (int i = 0; i < 2; ++i) {
    co_await stream.write("question\n", 10ms);
    EXPECT_EQ(co_await stream.read_until("\n", {.timeout = 10ms}), "answer\n");
  }
  co_await stream.finish({.in_all = 10ms, .without_a_byte = 10ms});
}
Task<> answers(IOStream stream) {
  const Local local;
  for (;;) {
    EXPECT_EQ(co_await stream.read_until("\n", {.timeout = 10ms}), "question\n");
    co_await stream.write("answer\n", 10ms);
    co_await stream.flush(10ms);
  }
}
Task<> converse(IOStream first, IOStream second) {
  const Local local;
  const auto ask = [&] { return asks(first); };
  const auto answer = [&] { return answers(std::move(second)); };
  (void)co_await multi(until_it_ends(ask), until_it_ends(answer));
}
Task<> converses(Simulation&) {
  FdPair pair = make_socket_pair();
  return converse(IOStream(std::move(pair.first), small_room),
                  IOStream(std::move(pair.second), small_room));
}
Task<> serves(Simulation& simulation) {
  const Local local;
  (void)simulation.network();
  TCPServer server(
      [](IOStream stream, SocketAddress) { return answers(std::move(stream)); });
  server.listen(0, {.address = "127.0.0.1"});
  const std::uint16_t port = server.addresses().front().port();
  const auto talk = [port]() -> Task<> {
    IOStream client =
        co_await TCPClient().connect("127.0.0.1", port, {.timeout = 10ms});
    co_await asks(client);
  };
  co_await until_it_ends(talk);
  co_await server.drain();
}

#if defined(TORNADO_TLS_ENDS)
template <TLSVersion version>
Task<> converses_over_tls(Simulation&) {
  FdPair pair = make_socket_pair();
  return converse(
      SSLIOStream(std::move(pair.first), client_context(), "localhost", small_room),
      SSLIOStream(std::move(pair.second), server_context(version), {}, small_room));
}
Task<> asks_for_tls(IOStream plain) {
  const Local local;
  plain.write("begin\n");
  SSLIOStream stream =
      co_await start_tls(std::move(plain), client_context(), "localhost");
  co_await asks(stream);
}
Task<> answers_with_tls(IOStream plain) {
  const Local local;
  EXPECT_EQ(co_await plain.read_until("\n", {.timeout = 10ms}), "begin\n");
  SSLIOStream stream = co_await start_tls(std::move(plain), server_context());
  co_await stream.wait_for_handshake();
  co_await answers(std::move(stream));
}
Task<> starts_tls(Simulation&) {
  const Local local;
  FdPair pair = make_socket_pair();
  IOStream first(std::move(pair.first), small_room);
  IOStream second(std::move(pair.second), small_room);
  const auto ask = [&] { return asks_for_tls(std::move(first)); };
  const auto answer = [&] { return answers_with_tls(std::move(second)); };
  (void)co_await multi(until_it_ends(ask), until_it_ends(answer));
}
#endif

constexpr std::array all {
  Scenario{"sleeps", sleeps}, Scenario{"has_children", has_children},
      Scenario{"has_deadlines", has_deadlines}, Scenario{"cleans_up", cleans_up},
      Scenario{"has_a_group", has_a_group},
      Scenario{"waits_for_descriptors", waits_for_descriptors},
      Scenario{"shares_a_lock", shares_a_lock}, Scenario{"passes_items", passes_items},
      Scenario{"iterates", iterates},
      Scenario{"takes_from_a_generator", takes_from_a_generator},
      Scenario{"notifies", notifies}, Scenario{"sends_messages", sends_messages},
      Scenario{"gets_results", gets_results},
      Scenario{"awaits_another_library", awaits_another_library},
      Scenario{"hears_signals", hears_signals},
      Scenario{"asks_for_tokens", asks_for_tokens}, Scenario{"converses", converses},
      Scenario{"serves", serves},
#if defined(TORNADO_TLS_ENDS)
      Scenario{"converses over TLS 1.2", converses_over_tls<TLSVersion::tls1_2>, true},
      Scenario{"converses over TLS 1.3", converses_over_tls<TLSVersion::tls1_3>, true},
      Scenario{"starts_tls", starts_tls, true},
#endif
      Scenario{"uses_threads", uses_threads, true},
      Scenario{"has_a_process", has_a_process, true},
};

}  // namespace

std::span<const Scenario> suspension_scenarios() {
  return all;
}

}  // namespace tornado::test
