// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "demo/demo.h"
#include "demo/scene.h"
#include "system/interrupt.h"
#include "system/machine.h"
#include "text/chart.h"
#include "text/table.h"
#include "text/words.h"

namespace tornado::cli {
namespace {

struct Scene {
  PollerKind poller;
  WakerKind waker;
  bool busy;
  SceneFigures figures;

  [[nodiscard]] std::string title() const {
    return fmt::format("{} + {}, {}", to_string(poller), to_string(waker),
                       busy ? "busy" : "asleep");
  }
};

// Every poller asleep and busy, then every other waker asleep.
std::vector<Scene> scenes_of(const Stage& stage, WakerKind usual) {
  std::vector<Scene> scenes;
  for (const PollerKind poller : stage.pollers) {
    for (const bool busy : {false, true}) scenes.push_back({poller, usual, busy, {}});
  }
  for (const WakerKind waker : waker_kinds()) {
    if (waker != usual) {
      scenes.push_back({stage.pollers.front(), waker, false, {}});
    }
  }
  return scenes;
}

void judge(Verdict& verdict, const Scene& scene) {
  const SceneFigures& f = scene.figures;
  auto expect_none = [&](std::uint64_t n, const char* what) {
    verdict.expect(n == 0, fmt::format("{}: {}: {}", scene.title(), what, n));
  };
  expect_none(f.lost, "posts lost");
  expect_none(f.twice, "posts run twice");
  expect_none(f.errno_changed, "signals after which errno was another");
  verdict.expect(f.finished || interrupted(), scene.title() + ": did not end");
  if (scene.busy) expect_none(f.written, "wakes written though it was awake");
  if (!scene.busy) expect_none(f.signals_refused, "signals that found no room");
}

void print_scenes(Output& out, const std::vector<Scene>& scenes) {
  using enum Align;
  Table table({left, left, left, right, right, right, right, right, right, right});
  // The last column is for wide terminals. The others fit into eighty characters.
  const bool wide = out.terminal().width == 0 || out.terminal().width > 92;
  std::vector<std::string> words = {"poller", "waker", "loop", "posts", "lost",
                                    "writes", "p50",   "p99",  "max"};
  if (wide) words.push_back("coalesced");
  table.heading(words);
  for (const Scene& scene : scenes) {
    const SceneFigures& f = scene.figures;
    std::vector<Cell> row = {std::string(to_string(scene.poller)),
                             std::string(to_string(scene.waker)),
                             scene.busy ? "busy" : "asleep",
                             with_commas(f.posted),
                             {with_commas(f.lost), f.lost ? Tone::bad : Tone::good},
                             with_commas(f.written),
                             short_time(f.latency.percentile(50)),
                             short_time(f.latency.percentile(99)),
                             short_time(f.latency.max())};
    if (wide) row.emplace_back(with_commas(f.coalesced));
    table.add(std::move(row));
  }
  table.print(out);
}

void print_charts(Output& out, const std::vector<Scene>& scenes, WakerKind usual) {
  std::vector<Chart> charts;
  for (const Scene& scene : scenes) {
    if (scene.busy || scene.waker != usual || scene.figures.latency.count() == 0) {
      continue;
    }
    charts.push_back(
        {fmt::format("{}, asleep", to_string(scene.poller)), &scene.figures.latency});
  }
  if (charts.empty()) return;
  out.print("\n  from the post to the callback:\n");
  draw(out, charts);
}

Json json_of(const Scene& scene) {
  const SceneFigures& f = scene.figures;
  Json one;
  one.set("poller", to_string(scene.poller)).set("waker", to_string(scene.waker));
  one.set("loop", scene.busy ? "busy" : "asleep").set("finished", f.finished);
  one.set("posted", f.posted).set("run", f.run);
  one.set("lost", f.lost).set("twice", f.twice);
  one.set("signals", f.signals).set("signals_refused", f.signals_refused);
  one.set("written", f.written).set("coalesced", f.coalesced);
  one.set("took_ns", f.took.count()).set("latency", f.latency.json());
  return one;
}

struct Totals {
  std::uint64_t posted = 0, busy_posted = 0, lost = 0, busy_written = 0;
  std::chrono::nanoseconds busy_took{0};
};

Totals totals_of(const std::vector<Scene>& scenes) {
  Totals t;
  for (const Scene& scene : scenes) {
    t.posted += scene.figures.posted;
    t.lost += scene.figures.lost;
    if (!scene.busy) continue;
    t.busy_posted += scene.figures.posted;
    t.busy_written += scene.figures.written;
    t.busy_took += scene.figures.took;
  }
  return t;
}

std::string summary_of(const Totals& t) {
  std::string text = fmt::format("{} posts: {} lost, {} writes while awake",
                                 with_commas(t.posted), t.lost, t.busy_written);
  if (t.busy_posted > 0) {
    const auto each = t.busy_took / static_cast<std::int64_t>(t.busy_posted);
    text += fmt::format("; {} a post", short_time(each));
  }
  return text;
}

}  // namespace

Part demo_wakes(Stage& stage) {
  Part part;
  const WakerKind usual = Waker().kind();
  std::vector<Scene> scenes = scenes_of(stage, usual);
  const auto pollers = static_cast<double>(stage.pollers.size());
  const auto others = static_cast<double>(scenes.size()) - 2 * pollers;
  std::size_t played = 0;
  Json list = Json::array();
  for (Scene& scene : scenes) {
    if (interrupted()) break;
    stage.progress.show("wake: " + scene.title());
    const double share = scene.waker != usual ? 0.08 / others
                         : scene.busy         ? 0.12 / pollers
                                              : 0.25 / pollers;
    const SceneOptions options{{scene.poller, scene.waker, false}, stage.share(share)};
    scene.figures = scene.busy ? play_busy(options) : play_asleep(options);
    judge(part.verdict, scene);
    list.push(json_of(scene));
    ++played;
  }
  scenes.resize(played, scenes.front());
  part.figures.set("scenes", std::move(list));
  part.summary = summary_of(totals_of(scenes));
  stage.progress.clear();
  print_scenes(stage.out, scenes);
  print_charts(stage.out, scenes, usual);
  return part;
}

}  // namespace tornado::cli
