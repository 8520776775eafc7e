// SPDX-License-Identifier: Apache-2.0
// The mechanisms inside the loop, each beside the plain structure that it replaces.

#include <algorithm>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "harness.h"
#include "loop/callback_queue.h"
#include "loop/timer_queue.h"
#include "neighbours.h"
#include "usage.h"

namespace tornado::bench {
namespace {

using Location = std::source_location;

class ChunkQueue {
 public:
  void push(Callback callback, const Location& where) {
    queue_.push(std::move(callback), where);
  }
  void run() {
    queue_.take(batch_);
    for (; !batch_.empty(); batch_.pop_front()) batch_.front().call();
  }

 private:
  CallbackQueue queue_;
  CallbackList batch_;
};

/// The same lock, and a vector of callbacks.
class VectorQueue {
 public:
  void push(Callback callback, const Location& where) {
    const std::scoped_lock lock(lock_);
    queue_.emplace_back(std::move(callback), where);
    size_.store(queue_.size(), std::memory_order_relaxed);
  }
  void run() {
    if (size_.load(std::memory_order_relaxed) == 0) return;
    {
      const std::scoped_lock lock(lock_);
      batch_.swap(queue_);
      size_.store(0, std::memory_order_relaxed);
    }
    for (auto& [callback, where] : batch_) callback();
    batch_.clear();
  }

 private:
  SpinLock<StdAtomics> lock_;
  std::vector<std::pair<Callback, Location>> queue_;
  std::vector<std::pair<Callback, Location>> batch_;
  std::atomic<std::size_t> size_{0};
};

template <class Queue>
void push_and_run(Round& round, std::size_t producers, std::size_t busy) {
  const Neighbours neighbours(busy);
  const std::size_t share = round.times(1000000) / producers;
  const auto here = Location::current();
  Queue queue;
  std::size_t ran = 0;
  const Usage usage;
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < producers; ++i) {
    threads.emplace_back([&] {
      for (std::size_t n = 0; n < share; ++n) queue.push([&ran] { ++ran; }, here);
    });
  }
  while (ran < share * producers) queue.run();
  const std::chrono::duration<double, std::micro> time = Clock::now() - begin;
  for (std::thread& thread : threads) thread.join();
  const auto all = static_cast<double>(share * producers);
  round.set("posts", all / time.count());
  round.set("cpu", usage.cpu_us() * 1000 / all);
}

Contest queues(const std::string& name, std::size_t producers, std::size_t busy) {
  return {"queue, " + name,
          {{"posts", "millions per second", Better::higher}, {"cpu", "ns per post"}},
          {{"chunks", Role::ours,
            [=](Round& round) { push_and_run<ChunkQueue>(round, producers, busy); }},
           {"vector<Callback>", Role::floor,
            [=](Round& round) { push_and_run<VectorQueue>(round, producers, busy); }}}};
}

/// A binary heap of keys, and the callables beside it. A key whose timer is gone stays
/// until it is the first, or until such keys are the majority.
class PlainHeap {
 public:
  using Id = TimerQueue::Id;

  Id add(TimePoint deadline, Callback&& callback, const Location& where) {
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(timers_.size()));
      timers_.emplace_back();
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    Timer& timer = timers_[slot];
    timer.callback = {std::move(callback), where};
    timer.sequence = ++sequence_;
    ++live_;
    push({deadline, timer.sequence, slot});
    return {slot, timer.sequence};
  }
  bool remove(Id id, TimeoutCallback& removed) {
    if (timers_[id.slot].sequence != id.sequence) return false;
    removed = take(id);
    return true;
  }
  Id move(Id id, TimePoint deadline) {
    Timer& timer = timers_[id.slot];
    timer.sequence = ++sequence_;
    push({deadline, timer.sequence, id.slot});
    return {id.slot, timer.sequence};
  }
  TimeoutCallback take(Id id) {
    Timer& timer = timers_[id.slot];
    if (timer.sequence != id.sequence) return {};
    timer.sequence = 0;
    free_.push_back(id.slot);
    --live_;
    return std::move(timer.callback);
  }
  void collect_due(TimePoint now, std::vector<Id>& due) {
    for (; !heap_.empty() && heap_.front().deadline <= now; pop()) {
      if (!stale(heap_.front())) {
        due.push_back({heap_.front().slot, heap_.front().sequence});
      }
    }
  }
  TimePoint next_deadline() {
    while (!heap_.empty() && stale(heap_.front())) pop();
    return heap_.empty() ? (TimePoint::max)() : heap_.front().deadline;
  }

 private:
  struct Timer {
    TimeoutCallback callback;
    std::uint32_t sequence = 0;
  };
  struct Key {
    TimePoint deadline;
    std::uint32_t sequence;
    std::uint32_t slot;
    bool operator<(const Key& other) const {
      return deadline != other.deadline ? deadline > other.deadline
                                        : sequence > other.sequence;
    }
  };
  bool stale(const Key& key) const {
    return timers_[key.slot].sequence != key.sequence;
  }
  void push(const Key& key) {
    if (heap_.size() > 2 * live_ + 256) {
      std::erase_if(heap_, [this](const Key& one) { return stale(one); });
      std::make_heap(heap_.begin(), heap_.end());
    }
    heap_.push_back(key);
    std::push_heap(heap_.begin(), heap_.end());
  }
  void pop() {
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
  }

  std::vector<Timer> timers_;
  std::vector<std::uint32_t> free_;
  std::vector<Key> heap_;
  std::uint32_t sequence_ = 0;
  std::size_t live_ = 0;
};

/// Connections, each with an idle timeout that every message moves on. In each turn of
/// 100 microseconds, 10 connections get a message, and the loop asks for the deadline.
template <class Timers>
double idle_timeouts(std::size_t connections, std::size_t moves, bool same_delay) {
  Timers timers;
  const auto here = Location::current();
  std::mt19937 random(20211);
  TimePoint now(std::chrono::hours(1));
  const auto delay = [&] {
    return same_delay ? std::chrono::milliseconds(30000)
                      : std::chrono::milliseconds(1 + random() % 60000);
  };
  std::vector<TimerQueue::Id> ids(connections);
  std::vector<TimerQueue::Id> due;
  const auto start = [&](std::size_t i) {
    ids[i] = timers.add(
        now + delay(), [&ids, i] { ids[i] = {}; }, here);
  };
  for (std::size_t i = 0; i < connections; ++i) start(i);
  const double begin = thread_cpu_ns();
  for (std::size_t i = 0; i < moves; ++i) {
    const std::size_t heard = random() % connections;
    if (ids[heard].sequence == 0) {
      start(heard);
    } else {
      ids[heard] = timers.move(ids[heard], now + delay());
    }
    if (i % 10 != 0) continue;
    now += std::chrono::microseconds(100);
    due.clear();
    timers.collect_due(now, due);
    check(timers.next_deadline() >= now, "a timer was forgotten");
    for (const auto one : due) {
      timers.take(one).callback();
    }
  }
  return (thread_cpu_ns() - begin) / static_cast<double>(moves);
}

/// Requests, each with a timeout that the answer takes back; 100 are under way.
template <class Timers>
double request_timeouts(std::size_t requests) {
  Timers timers;
  const auto here = Location::current();
  TimePoint now(std::chrono::hours(1));
  std::vector<TimerQueue::Id> ids(100);
  std::vector<TimerQueue::Id> due;
  TimeoutCallback removed;
  const double begin = thread_cpu_ns();
  for (std::size_t i = 0; i < requests; ++i) {
    auto& id = ids[i % ids.size()];
    if (id.sequence != 0) timers.remove(id, removed);
    now += std::chrono::microseconds(10);
    id = timers.add(
        now + std::chrono::seconds(5), [] {}, here);
    if (i % 10 != 0) continue;
    timers.collect_due(now, due);
    check(due.empty() && timers.next_deadline() >= now, "a timer came early");
  }
  return (thread_cpu_ns() - begin) / static_cast<double>(requests);
}

/// Pauses of a task or a retry: each fires within a few milliseconds.
template <class Timers>
double short_sleeps(std::size_t sleepers, std::size_t sleeps) {
  Timers timers;
  const auto here = Location::current();
  std::mt19937 random(20211);
  TimePoint now(std::chrono::hours(1));
  std::vector<TimerQueue::Id> due;
  std::size_t fired = 0;
  const auto sleep = [&] {
    timers.add(
        now + std::chrono::microseconds(random() % 5000), [&fired] { ++fired; }, here);
  };
  for (std::size_t i = 0; i < sleepers; ++i) sleep();
  const double begin = thread_cpu_ns();
  while (fired < sleeps) {
    now = std::max(now, timers.next_deadline());
    due.clear();
    timers.collect_due(now, due);
    for (const auto one : due) {
      timers.take(one).callback();
      sleep();
    }
  }
  return (thread_cpu_ns() - begin) / static_cast<double>(fired);
}

template <class Timers>
void use_timers(Round& round) {
  const std::size_t n = round.times(500000);
  round.set("idle, 1,000", idle_timeouts<Timers>(1000, n, true));
  round.set("idle, 100,000", idle_timeouts<Timers>(100000, n, true));
  round.set("random, 1,000", idle_timeouts<Timers>(1000, n, false));
  round.set("request", request_timeouts<Timers>(n));
  round.set("sleep, 10", short_sleeps<Timers>(10, n));
  round.set("sleep, 10,000", short_sleeps<Timers>(10000, n));
}

Contest timers() {
  std::vector<Metric> metrics;
  for (const char* name : {"idle, 1,000", "idle, 100,000", "random, 1,000", "request",
                           "sleep, 10", "sleep, 10,000"}) {
    metrics.push_back({name, "ns of processor"});
  }
  return {"timers inside",
          metrics,
          {{"wheel and heap", Role::ours, &use_timers<TimerQueue>},
           {"a plain heap", Role::floor, &use_timers<PlainHeap>}}};
}

}  // namespace
}  // namespace tornado::bench

int main(int argc, char** argv) {
  using namespace tornado::bench;
  return compete({"parts",
                  "Chunks of packed callbacks beside a vector of them, and the timer "
                  "queue beside a plain heap, in the ways that programs use them.",
                  {queues("1 producer", 1, 0), queues("2 producers", 2, 0),
                   queues("1 producer, busy neighbours", 1, 2),
                   queues("2 producers, busy neighbours", 2, 2), timers()}},
                 argc, argv);
}
