// SPDX-License-Identifier: Apache-2.0
#include "tornado/resolver.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "net/lookup.h"
#include "platform/fork_epoch.h"
#include "platform/system_error.h"
#include "platform/thread.h"
#include "tornado/gen.h"

namespace tornado {
namespace {

using Addresses = Resolver::Addresses;
using Answer = Completion<Addresses>;

constexpr std::chrono::seconds idle_time{10};

}  // namespace

/// What the resolver and its threads share. A thread that hangs in getaddrinfo keeps
/// it, and no code waits for that thread.
struct ThreadedResolver::State : std::enable_shared_from_this<State> {
  struct Question {
    std::string host;
    std::uint16_t port;
    AddressFamily family;
    auto operator<=>(const Question&) const = default;
  };

  /// For until().
  struct Ask {
    std::shared_ptr<State> state;
    Question question;
    void operator()(Answer answer) {
      state->ask(std::move(question), std::move(answer));
    }
  };

  State(std::size_t at_a_time, std::size_t in_line)
      : most_threads((std::max)(at_a_time, std::size_t{1})), most_waiting(in_line) {}

  void ask(Question question, Answer answer);
  void close();
  void start_thread();
  void serve();
  void look_up_next(std::unique_lock<std::mutex>& lock);

  const std::size_t most_threads;
  const std::size_t most_waiting;
  std::mutex mutex;
  std::condition_variable changed;
  const std::uint64_t epoch = fork_epoch();
  std::map<Question, std::vector<Answer>> asked;
  std::deque<Question> waiting;
  std::size_t threads = 0;
  std::size_t idle = 0;
  bool closed = false;
};

void ThreadedResolver::State::ask(Question question, Answer answer) {
  const std::lock_guard lock(mutex);
  if (const auto same = asked.find(question); same != asked.end()) {
    same->second.push_back(std::move(answer));
    return;
  }
  if (waiting.size() >= most_waiting) {
    throw_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                "resolve \"" + question.host + "\": too many questions wait");
  }
  if (idle == 0 && threads < most_threads) start_thread();
  // A question that waits has an answer that is asked for, also without memory.
  const auto entry = asked.try_emplace(question).first;
  try {
    entry->second.push_back(std::move(answer));
    waiting.push_back(std::move(question));
  } catch (...) {
    asked.erase(entry);
    throw;
  }
  changed.notify_one();
}

// Detached: it may hang for as long as it likes.
void ThreadedResolver::State::start_thread() {
  start_thread_with_signals_blocked([self = shared_from_this()] {
    self->serve();
  }).detach();
  ++threads;
}

void ThreadedResolver::State::serve() {
  std::unique_lock lock(mutex);
  for (;;) {
    ++idle;
    const bool work = changed.wait_for(lock, idle_time,
                                       [this] { return closed || !waiting.empty(); });
    --idle;
    if (closed || !work) break;
    look_up_next(lock);
  }
  --threads;
}

void ThreadedResolver::State::look_up_next(std::unique_lock<std::mutex>& lock) {
  const Question question = std::move(waiting.front());
  waiting.pop_front();
  lock.unlock();
  Addresses found;
  std::exception_ptr failure;
  try {
    found = look_up(question.host, question.port, question.family);
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  auto node = asked.extract(question);
  lock.unlock();
  for (const Answer& answer : node.mapped()) {
    failure ? answer.set_exception(failure) : answer.set_value(found);
  }
  node = {};
  lock.lock();
}

// Drops the questions that no thread has: they end with Errc::abandoned.
void ThreadedResolver::State::close() {
  std::map<Question, std::vector<Answer>> dropped;
  const std::lock_guard lock(mutex);
  closed = true;
  for (const Question& question : waiting) dropped.insert(asked.extract(question));
  waiting.clear();
  changed.notify_all();
}

ThreadedResolver::ThreadedResolver(std::size_t threads, std::size_t most_waiting)
    : threads_(threads),
      most_waiting_(most_waiting),
      state_(new std::shared_ptr(std::make_shared<State>(threads, most_waiting))) {}

ThreadedResolver::~ThreadedResolver() {
  const auto* const state = state_.load();
  if ((*state)->epoch != fork_epoch()) return;
  (*state)->close();
  delete state;
}

// A forked child has none of the parent's threads, and one of them may have held the
// mutex: the parent's state is left as it is.
std::shared_ptr<ThreadedResolver::State> ThreadedResolver::state() {
  auto* state = state_.load(std::memory_order_acquire);
  if ((*state)->epoch == fork_epoch()) return *state;
  auto* const own =
      new std::shared_ptr(std::make_shared<State>(threads_, most_waiting_));
  if (state_.compare_exchange_strong(state, own)) return *own;
  delete own;
  return *state;
}

Task<Addresses> ThreadedResolver::resolve(std::string host, std::uint16_t port,
                                          AddressFamily family) {
  Addresses known = known_addresses(host, port, family);
  if (!known.empty()) co_return known;
  if (SocketHooks* const hooks = hooks_with_names(host)) {
    co_await sleep(*hooks->lookup_time(host));
    co_return look_up(host, port, family);
  }
  State::Ask ask{state(), {std::move(host), port, family}};
  co_return co_await until<Addresses>(std::move(ask));
}

Resolver& Resolver::standard() {
  // For threads and loops that outlive main.
  static auto* const resolver = new ThreadedResolver;
  return *resolver;
}

void OverrideResolver::add(std::string host, Target target,
                           std::optional<std::uint16_t> port, AddressFamily family) {
  table_[{std::move(host), port, family}] = std::move(target);
}

Task<Addresses> OverrideResolver::resolve(std::string host, std::uint16_t port,
                                          AddressFamily family) {
  const Question questions[] = {{host, port, family},
                                {host, port, AddressFamily::any},
                                {host, {}, family},
                                {host, {}, AddressFamily::any}};
  for (const Question& question : questions) {
    const auto found = table_.find(question);
    if (found == table_.end()) continue;
    host = found->second.host;
    port = found->second.port.value_or(port);
    break;
  }
  return inner_.resolve(std::move(host), port, family);
}

}  // namespace tornado
