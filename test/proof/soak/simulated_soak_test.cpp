// SPDX-License-Identifier: Apache-2.0
// Days of a loop, with thousands of timeouts and descriptors that come and go.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "samples.h"
#include "support/limits.h"
#include "support/scale.h"
#include "tornado/fd.h"
#include "tornado/testing.h"

namespace tornado::test {
namespace {

using namespace std::chrono_literals;

std::size_t pairs() {
  constexpr std::size_t room_for_others = 100;
  if (IOLoop().poller() == PollerKind::select) return FD_SETSIZE - room_for_others;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return std::min<std::size_t>(10'000, limit.rlim_max - room_for_others);
}

/// A timeout that comes back after a while and does something with a descriptor of
/// its own, or with its neighbour.
class Day {
 public:
  struct Cell {
    UniqueFd fd;
    TimeoutHandle timeout;
    TimePoint deadline;
    bool full = false;
  };

  explicit Day(std::size_t hours)
      : hours_(hours), room_(pairs() + 100), cells_(pairs()) {
    std::cout << cells_.size() << " timeouts and descriptors, " << hours << " hours\n";
    for (Cell& cell : cells_) {
      open(cell);
      sleep(cell);
    }
    sample();
  }

  void run() { loop_.start(); }

  [[nodiscard]] std::uint64_t unread() const {
    return static_cast<std::uint64_t>(std::ranges::count(cells_, true, &Cell::full));
  }

  Samples samples;
  std::uint64_t fired = 0;
  std::uint64_t late = 0;
  std::uint64_t written = 0;
  std::uint64_t read = 0;
  std::uint64_t closed = 0;  // with something to read

 private:
  void open(Cell& cell) {
    cell.fd.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    ASSERT_TRUE(cell.fd);
    cell.full = false;
    loop_.add_handler(
        cell.fd.get(), [this, &cell](NativeFd, Events) { empty(cell); }, Events::read);
  }

  void empty(Cell& cell) {
    std::uint64_t value = 0;
    ASSERT_EQ(::read(cell.fd.get(), &value, sizeof value), 8);
    cell.full = false;
    ++read;
  }

  void fill(Cell& cell) {
    if (std::exchange(cell.full, true)) return;
    constexpr std::uint64_t one = 1;
    ASSERT_EQ(::write(cell.fd.get(), &one, sizeof one), 8);
    ++written;
  }

  void sleep(Cell& cell) {
    cell.deadline = loop_.time() + std::chrono::milliseconds(random_.below(120'000));
    cell.timeout = loop_.call_at(cell.deadline, [this, &cell] { wake(cell); });
  }

  void wake(Cell& cell) {
    ++fired;
    late += loop_.time() != cell.deadline;
    Cell& other = cells_[random_.below(cells_.size())];
    switch (random_.below(16)) {
      case 0:
        loop_.remove_handler(cell.fd.get());
        closed += cell.full;
        open(cell);
        break;
      case 1:
        if (&other != &cell && loop_.remove_timeout(other.timeout)) sleep(other);
        break;
      case 2:
        loop_.update_handler(other.fd.get(), Events::read | Events::write);
        loop_.update_handler(other.fd.get(), Events::read);
        break;
      case 3:
        loop_.add_callback([this, &other] { fill(other); });
        break;
      default:
        fill(cell);
    }
    sleep(cell);
  }

  void sample() {
    samples.take();
    // Six times at least, in however short a soak.
    const std::chrono::minutes again(hours_ >= 6 ? 60 : hours_ * 10);
    if (samples.size() > (hours_ >= 6 ? hours_ : 6)) {
      loop_.stop();
    } else {
      loop_.call_later(again, [this] { sample(); });
    }
  }

  const std::size_t hours_;
  DescriptorLimit room_;
  Random random_{test_seed()};
  Simulation simulation_;
  IOLoop loop_{simulation_.options()};
  std::vector<Cell> cells_;
};

// No timeout is early or late, no byte unread, and nothing grows.
TEST(Soak, of_simulated_days_changes_nothing) {
  Day day(soak_length("TORNADO_SOAK_HOURS", 2));
  day.run();
  std::cout << day.fired << " timeouts, " << day.read << " events\n";
  EXPECT_EQ(day.late, 0u);
  EXPECT_EQ(day.written, day.read + day.closed + day.unread());
  day.samples.expect_flat(0, 100'000);
}

}  // namespace
}  // namespace tornado::test
