// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The loops that the task benchmark compares, each with the same words.

#include <chrono>
#include <utility>

#include "peers.h"
#include "task_floor.h"
#include "tornado/tornado.h"
#if BENCH_ASIO
#include <asio/experimental/awaitable_operators.hpp>
#endif

namespace tornado::bench {

struct Ours {
  template <class T = void>
  using Task = tornado::Task<T>;
  IOLoop loop;

  auto moment() { return tornado::moment(); }
  auto sleep() { return tornado::sleep(std::chrono::nanoseconds(0)); }
  void spawn(Task<void> task) { loop.spawn_callback(std::move(task)); }
  template <class A, class B>
  auto both(A a, B b) {
    return multi(std::move(a), std::move(b));
  }
  void run(Task<void> task) { loop.run_sync(std::move(task)); }
};

struct Floor {
  template <class T = void>
  using Task = floor::Task<T>;
  floor::Loop loop;

  auto moment() { return loop.moment(); }
  auto sleep() { return loop.sleep(); }
  void spawn(Task<void> task) { loop.spawn(std::move(task)); }
  template <class A, class B>
  Task<void> both(A a, B b) {
    floor::Both join(loop);
    spawn(floor::Both::run(std::move(a), join));
    spawn(floor::Both::run(std::move(b), join));
    co_await join;
  }
  void run(Task<void> task) {
    spawn(std::move(task));
    loop.run();
  }
};

#if BENCH_ASIO
struct Asio {
  template <class T = void>
  using Task = asio::awaitable<T>;
  asio::io_context loop{1};

  auto moment() { return asio::post(loop, asio::use_awaitable); }
  Task<void> sleep() {
    asio::steady_timer timer(loop, std::chrono::nanoseconds(0));
    co_await timer.async_wait(asio::use_awaitable);
  }
  void spawn(Task<void> task) { asio::co_spawn(loop, std::move(task), asio::detached); }
  template <class A, class B>
  auto both(A a, B b) {
    using namespace asio::experimental::awaitable_operators;
    return std::move(a) && std::move(b);
  }
  void run(Task<void> task) {
    spawn(std::move(task));
    loop.run();
    loop.restart();
  }
};
#endif

}  // namespace tornado::bench
