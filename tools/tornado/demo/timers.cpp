// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>
#include <vector>

#include "demo/demo.h"
#include "system/interrupt.h"
#include "text/chart.h"
#include "text/table.h"
#include "text/words.h"
#include "tornado/ioloop.h"

namespace tornado::cli {
namespace {

using std::chrono::nanoseconds;

constexpr std::uint32_t timers = 20'000;
/// Coarse enough that many share a deadline, and must run in the order of adding.
constexpr std::int64_t deadlines = 10'000;
/// Each tenth is cancelled before it is due.
constexpr std::uint32_t cancelled_each = 10;

struct TimerFigures {
  PollerKind poller;
  std::uint32_t planned = 0;
  std::uint32_t run = 0;
  std::uint32_t early = 0;
  std::uint32_t out_of_order = 0;
  std::uint32_t cancelled = 0;
  std::uint32_t cancelled_but_run = 0;
  Histogram late;
};

class TimerScene {
 public:
  TimerScene(PollerKind poller, nanoseconds length)
      : loop_(IOLoop::Options{poller, WakerKind::best, false}),
        step_(std::max<std::int64_t>(length.count() / deadlines, 1)),
        due_(timers) {
    figures_.poller = poller;
  }

  TimerFigures play() {
    loop_.add_callback([this] { plan(); });
    loop_.call_later(nanoseconds(step_ * deadlines) + patience,
                     [this] { loop_.stop(); });
    const StopOnInterrupt stopping(loop_);
    loop_.start();
    return figures_;
  }

 private:
  void plan() {
    std::mt19937 random(20'000);
    std::uniform_int_distribution<std::int64_t> any(1, deadlines);
    // Time to plan them all, lest the first be late for that alone.
    const TimePoint begin = loop_.time() + std::chrono::milliseconds(20);
    std::vector<TimeoutHandle> handles;
    for (std::uint32_t i = 0; i < timers; ++i) {
      due_[i] = begin + nanoseconds(step_ * any(random));
      handles.push_back(loop_.call_at(due_[i], [this, i] { ran(i); }));
    }
    for (std::uint32_t i = 0; i < timers; i += cancelled_each) {
      if (loop_.remove_timeout(handles[i])) ++figures_.cancelled;
    }
    figures_.planned = timers - figures_.cancelled;
  }

  void ran(std::uint32_t i) {
    const TimePoint now = Clock::now();
    if (now < due_[i]) ++figures_.early;
    if (i % cancelled_each == 0) ++figures_.cancelled_but_run;
    const bool in_order =
        due_[last_] < due_[i] || (due_[last_] == due_[i] && last_ < i);
    if (figures_.run > 0 && !in_order) ++figures_.out_of_order;
    last_ = i;
    figures_.late.record(now - due_[i]);
    if (++figures_.run == figures_.planned) loop_.stop();
  }

  IOLoop loop_;
  std::int64_t step_;
  std::vector<TimePoint> due_;
  TimerFigures figures_{};
  std::uint32_t last_ = 0;
};

void judge(Verdict& verdict, const TimerFigures& f) {
  auto expect_none = [&](std::uint32_t n, const char* what) {
    verdict.expect(n == 0, fmt::format("{}: {}: {}", to_string(f.poller), what, n));
  };
  expect_none(f.early, "early timers");
  expect_none(f.out_of_order, "timers out of order");
  expect_none(f.cancelled_but_run, "cancelled timers that ran");
  if (!interrupted()) expect_none(f.planned - f.run, "timers that did not run");
}

void print_figures(Output& out, const std::vector<TimerFigures>& all) {
  using enum Align;
  Table table({left, right, right, right, right, right, right, right});
  table.heading(
      {"poller", "run", "cancelled", "early", "disorder", "late p50", "p99", "max"});
  auto none = [](std::uint32_t n) {
    return Cell(with_commas(n), n ? Tone::bad : Tone::good);
  };
  std::vector<Chart> charts;
  for (const auto& f : all) {
    table.add({std::string(to_string(f.poller)), with_commas(f.run),
               with_commas(f.cancelled), none(f.early), none(f.out_of_order),
               short_time(f.late.percentile(50)), short_time(f.late.percentile(99)),
               short_time(f.late.max())});
    if (f.run > 0) charts.push_back({std::string(to_string(f.poller)), &f.late});
  }
  table.print(out);
  if (charts.empty()) return;
  out.print("\n  how late:\n");
  draw(out, charts);
}

Json json_of(const TimerFigures& f) {
  Json one;
  one.set("poller", to_string(f.poller)).set("planned", f.planned).set("run", f.run);
  one.set("early", f.early).set("out_of_order", f.out_of_order);
  one.set("cancelled", f.cancelled).set("cancelled_but_run", f.cancelled_but_run);
  one.set("late", f.late.json());
  return one;
}

std::string summary_of(const std::vector<TimerFigures>& all) {
  std::uint64_t run = 0;
  std::uint64_t early = 0;
  Histogram late;
  for (const auto& f : all) {
    run += f.run;
    early += f.early;
    late.add(f.late);
  }
  return fmt::format("{}: {} early; late p50 {}, p99 {}, worst {}", with_commas(run),
                     early, short_time(late.percentile(50)),
                     short_time(late.percentile(99)), short_time(late.max()));
}

}  // namespace

Part demo_timers(Stage& stage) {
  Part part;
  std::vector<TimerFigures> all;
  Json list = Json::array();
  const double share = 0.24 / static_cast<double>(stage.pollers.size());
  for (const PollerKind poller : stage.pollers) {
    if (interrupted()) break;
    stage.progress.show(fmt::format("timers: {}", to_string(poller)));
    all.push_back(TimerScene(poller, stage.share(share)).play());
    judge(part.verdict, all.back());
    list.push(json_of(all.back()));
  }
  part.figures.set("pollers", std::move(list));
  part.summary = summary_of(all);
  stage.progress.clear();
  print_figures(stage.out, all);
  return part;
}

}  // namespace tornado::cli
