// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "tornado/ioloop.h"

namespace tornado::fuzz {

/// What a program is played on: some descriptors and a loop, real or modelled. What the
/// loop refuses is a std::system_error.
class Subject {
 public:
  using Call = std::function<void()>;
  using Handler = std::function<void(Events)>;
  struct SignalCall {
    void (*function)(void*, const void*);
    void* object;
    const void* argument;
    void operator()() const { function(object, argument); }
  };
  enum class Policy : std::uint8_t { log, rethrow, handler };

  virtual ~Subject() = default;

  // Descriptors. The caller knows which places are open.
  virtual void open(bool sockets, std::size_t reader, std::size_t writer) = 0;
  virtual void duplicate(std::size_t from, std::size_t to) = 0;
  virtual void close(std::size_t place) = 0;
  [[nodiscard]] virtual bool is_open(std::size_t place) = 0;
  /// How many bytes, or the negative errno.
  virtual int write(std::size_t place) = 0;
  virtual int drain(std::size_t place) = 0;
  virtual void fill(std::size_t place) = 0;

  // The loop.
  virtual void add_handler(std::size_t place, Handler handler, Events events) = 0;
  virtual void update_handler(std::size_t place, Events events) = 0;
  virtual void remove_handler(std::size_t place) = 0;
  /// Closes first, and then removes.
  virtual void close_late(std::size_t place) = 0;
  virtual bool add_callback(Call call) = 0;
  virtual bool spawn_callback(Call call) = 0;
  virtual bool from_signal(SignalCall call) = 0;
  /// The number of the timeout: how many were added before.
  virtual std::size_t call_at(TimePoint deadline, Call call) = 0;
  virtual bool remove_timeout(std::size_t timeout) = 0;
  virtual bool update_timeout(std::size_t timeout, TimePoint deadline) = 0;
  virtual void set_policy(Policy policy, Call handler) = 0;
  virtual void stop() = 0;
  virtual void start() = 0;
  virtual void close_loop(bool all_fds) = 0;
  [[nodiscard]] virtual bool closed() = 0;
  /// In a forked child.
  virtual void after_fork() = 0;
};

}  // namespace tornado::fuzz
