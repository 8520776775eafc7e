// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "fuzz/program.h"
#include "fuzz/subject.h"
#include "tornado/fd.h"

namespace tornado::fuzz {

/// An IOLoop, and pipes and sockets.
class Real final : public Subject {
 public:
  explicit Real(PollerKind kind) : loop_({kind, WakerKind::best, false}) {}

  void open(bool sockets, std::size_t reader, std::size_t writer) override;
  void duplicate(std::size_t from, std::size_t to) override;
  void close(std::size_t place) override { fds_[place].reset(); }
  bool is_open(std::size_t place) override;
  int write(std::size_t place) override;
  int drain(std::size_t place) override;
  void fill(std::size_t place) override;

  void add_handler(std::size_t place, Handler handler, Events events) override {
    loop_.add_handler(
        fd(place), [h = std::move(handler)](NativeFd, Events e) { h(e); }, events);
  }
  void update_handler(std::size_t place, Events events) override {
    loop_.update_handler(fd(place), events);
  }
  void remove_handler(std::size_t place) override { loop_.remove_handler(fd(place)); }
  void close_late(std::size_t place) override;
  bool add_callback(Call call) override { return loop_.add_callback(std::move(call)); }
  bool spawn_callback(Call call) override {
    return loop_.spawn_callback(std::move(call));
  }
  bool from_signal(SignalCall call) override {
    return loop_.add_callback_from_signal(call);
  }
  std::size_t call_at(TimePoint deadline, Call call) override {
    timeouts_.push_back(loop_.call_at(deadline, std::move(call)));
    return timeouts_.size() - 1;
  }
  bool remove_timeout(std::size_t timeout) override {
    return loop_.remove_timeout(timeouts_[timeout]);
  }
  bool update_timeout(std::size_t timeout, TimePoint deadline) override {
    return loop_.update_timeout(timeouts_[timeout], deadline);
  }
  void set_policy(Policy policy, Call handler) override;
  void stop() override { loop_.stop(); }
  void start() override;
  void close_loop(bool all_fds) override;
  bool closed() override { return loop_.handle().closed(); }
  void after_fork() override { loop_.after_fork(); }

 private:
  [[nodiscard]] NativeFd fd(std::size_t place) const { return fds_[place].get(); }
  void disown_closed();

  std::array<UniqueFd, places> fds_;
  std::vector<TimeoutHandle> timeouts_;
  IOLoop loop_;
};

}  // namespace tornado::fuzz
