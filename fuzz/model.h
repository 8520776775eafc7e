// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "fuzz/program.h"
#include "fuzz/subject.h"

namespace tornado::fuzz {

/// What include/tornado/ioloop.h promises, as simply as it can be said.
///
/// The order among ready descriptors is not promised: `choose` gives the place of the
/// one that is called next, or `places` for none.
class Model final : public Subject {
 public:
  Model(TimePoint now, std::function<std::size_t()> choose)
      : now_(now), choose_(std::move(choose)) {}

  void open(bool sockets, std::size_t reader, std::size_t writer) override;
  void duplicate(std::size_t from, std::size_t to) override {
    files_[to] = files_[from];
  }
  void close(std::size_t place) override { files_[place].reset(); }
  bool is_open(std::size_t place) override { return files_[place] != nullptr; }
  int write(std::size_t place) override;
  int drain(std::size_t place) override;
  void fill(std::size_t place) override;

  void add_handler(std::size_t place, Handler handler, Events events) override;
  void update_handler(std::size_t place, Events events) override;
  void remove_handler(std::size_t place) override;
  void close_late(std::size_t place) override { close(place), remove_handler(place); }
  bool add_callback(Call call) override;
  bool spawn_callback(Call call) override;
  bool from_signal(SignalCall call) override;
  std::size_t call_at(TimePoint deadline, Call call) override;
  bool remove_timeout(std::size_t timeout) override;
  bool update_timeout(std::size_t timeout, TimePoint deadline) override;
  void set_policy(Policy policy, Call handler) override;
  void stop() override { stop_ = true; }
  void start() override;
  void close_loop(bool all_fds) override;
  bool closed() override { return closed_; }
  void after_fork() override;

 private:
  /// An open file description.
  struct File {
    bool reads, writes;
    std::weak_ptr<File> peer = {};
    int bytes = 0;
    bool full = false;
  };
  struct Registration {
    Handler handler;
    Events interest;
    bool removed = false;
  };
  struct Ready {
    std::size_t place;
    std::shared_ptr<Registration> registration;
    Events events;
    bool paused = false;  // had no interest in them for a while: may be left out
    [[nodiscard]] Events told() const;
  };
  using Due = std::pair<TimePoint, std::uint32_t>;  // deadline and order of adding

  void check() const;
  void look();
  void turn();
  Ready* next_ready();
  void call(const Call& call);

  std::array<std::shared_ptr<File>, places> files_;
  std::array<std::shared_ptr<File>, places> parents_;  // stay open elsewhere
  std::map<std::size_t, std::shared_ptr<Registration>> handlers_;
  std::deque<Ready> ready_;
  std::deque<Call> from_signals_, callbacks_, batch_;
  std::map<Due, Call> timers_;
  std::vector<std::uint32_t> order_of_;  // of each timeout, by number
  std::deque<Due> due_;
  std::uint32_t timers_added_ = 0;
  Policy policy_ = Policy::log;
  Call exception_handler_;
  bool stop_ = false, running_ = false, closing_ = false, closed_ = false;
  bool all_fds_ = false;
  TimePoint now_;
  std::function<std::size_t()> choose_;
};

}  // namespace tornado::fuzz
