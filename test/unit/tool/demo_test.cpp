// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "support/mounts.h"
#include "support/pollers.h"
#include "tool/tool.h"
#include "tornado/poller_kind.h"
#include "tornado/waker.h"

namespace tornado::test {
namespace {

using nlohmann::json;

const json& figures(const json& object, const char* part) {
  return object.at("parts").at(part).at("figures");
}

TEST(TornadoDemo, holds_and_gives_every_figure) {
  const Finish finish = run_tornado({{"demo", "--json", "--seconds", "2"}});
  ASSERT_EQ(finish.status, 0) << finish.out << finish.err;
  EXPECT_EQ(finish.err, "");
  const json object = json::parse(finish.out);
  EXPECT_EQ(object.at("schema"), 1);
  EXPECT_EQ(object.at("held"), true);
  EXPECT_EQ(object.at("interrupted"), false);

  const json& scenes = figures(object, "wake").at("scenes");
  // Each poller asleep and busy, and each other waker.
  EXPECT_EQ(scenes.size(),
            2 * working_poller_kinds().size() + waker_kinds().size() - 1);
  int signals = 0;
  for (const auto& scene : scenes) {
    EXPECT_GT(scene.at("posted"), 0) << scene;
    signals += scene.at("signals").get<int>();
    EXPECT_EQ(scene.at("posted"), scene.at("run")) << scene;
    EXPECT_EQ(scene.at("latency").at("count"), scene.at("run")) << scene;
    EXPECT_EQ(scene.at("lost"), 0) << scene;
  }
  EXPECT_GT(signals, 0);
  for (const auto& one : figures(object, "timers").at("pollers")) {
    EXPECT_EQ(one.at("run"), one.at("planned")) << one;
    EXPECT_EQ(one.at("early"), 0) << one;
    EXPECT_EQ(one.at("late").at("count"), one.at("run")) << one;
  }
  const json& library = figures(object, "children").at("library");
  EXPECT_GT(library.at("children"), 0);
  EXPECT_EQ(library.at("children_leaky"), 0);
  EXPECT_EQ(library.at("children_incomplete"), 0);
  EXPECT_GT(figures(object, "children").at("naive").at("pipes_opened"), 0);
  EXPECT_EQ(figures(object, "fork").at("parent_posts_run"), 100);
  for (const auto& one : figures(object, "fork").at("child")) {
    EXPECT_EQ(one.at("held"), true) << one;
  }
}

TEST(TornadoDemo, keeps_to_the_poller_that_is_asked_for) {
  const Finish finish =
      run_tornado({{"demo", "--json", "--seconds=300ms", "--poller", "select"}});
  ASSERT_EQ(finish.status, 0) << finish.out << finish.err;
  const json object = json::parse(finish.out);
  for (const auto& scene : figures(object, "wake").at("scenes")) {
    EXPECT_EQ(scene.at("poller"), "select");
  }
  EXPECT_EQ(figures(object, "timers").at("pollers").size(), 1u);
}

TEST(TornadoDemo, prints_only_the_closing_lines_when_quiet) {
  const Finish finish = run_tornado({{"demo", "--quiet", "--seconds", "0.3"}});
  EXPECT_EQ(finish.status, 0) << finish.out << finish.err;
  const auto lines = lines_of(finish.out);
  EXPECT_EQ(lines.size(), 8u) << finish.out;
  EXPECT_TRUE(lines.front().starts_with("tornado ")) << finish.out;
  EXPECT_TRUE(lines.at(6).starts_with("Everything held.")) << finish.out;
}

TEST(TornadoDemo, draws_in_ascii_or_in_blocks_as_the_locale_has_it) {
  const auto draw = [](const char* locale) {
    return run_tornado({{"demo", "--seconds", "0.3"}, {{"LC_ALL", locale}}}).out;
  };
  const auto ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  const std::string plain = draw("C");
  EXPECT_TRUE(contains(plain, "from the post to the callback")) << plain;
  EXPECT_TRUE(std::all_of(plain.begin(), plain.end(), ascii)) << plain;
  EXPECT_TRUE(contains(draw("C.UTF-8"), "\u2588"));
}

TEST(TornadoDemo, shows_progress_nowhere_but_on_a_terminal) {
  const Finish finish =
      run_tornado({{"demo", "--seconds", "0.3"}, {{"TERM", "xterm"}}});
  EXPECT_EQ(finish.err, "");
  EXPECT_FALSE(contains(finish.out, "\r"));
}

TEST(TornadoDemo, prints_what_it_measured_at_ctrl_c) {
  const Finish finish =
      run_tornado({{"demo", "--seconds", "60"}, {}, [] {}, 0, "1  wake"});
  EXPECT_EQ(finish.status, 130) << finish.out << finish.err;
  EXPECT_TRUE(contains(finish.out, "Interrupted after")) << finish.out;
  EXPECT_FALSE(contains(finish.out, "2  timers")) << finish.out;
}

TEST(TornadoDemo, holds_with_sixteen_descriptors_and_none_of_the_standard_ones) {
  const Finish finish = run_tornado({{"demo", "--json", "--seconds", "0.3"}, {}, [] {
                                       rlimit limit = {16, 16};
                                       ::setrlimit(RLIMIT_NOFILE, &limit);
                                       ::close(STDIN_FILENO);
                                       ::close(STDERR_FILENO);
                                     }});
  EXPECT_EQ(finish.status, 0) << finish.out << finish.err;
}

TEST(TornadoDemo, says_what_it_could_not_try_without_proc) {
  if (!programs_can_do_without_proc()) GTEST_SKIP() << "programs need /proc here";
  const Finish finish = run_tornado({{"demo", "--seconds", "0.3"}, {}, [] {
                                       if (!hide_proc()) ::_exit(99);
                                     }});
  EXPECT_EQ(finish.status, 0) << finish.out << finish.err;
  EXPECT_TRUE(contains(finish.out, "not tried: /proc is not mounted")) << finish.out;
  EXPECT_TRUE(contains(finish.out, "What was tried held.")) << finish.out;
  EXPECT_FALSE(contains(finish.out, "BROKEN")) << finish.out;
}

TEST(TornadoDemo, does_not_start_with_a_variable_that_names_nothing) {
  const Finish finish = run_tornado({{"demo"}, {{"TORNADO_POLLER", "epool"}}});
  EXPECT_EQ(finish.status, 2);
  EXPECT_EQ(finish.out, "");
  EXPECT_TRUE(contains(finish.err, "TORNADO_POLLER=epool")) << finish.err;
  EXPECT_TRUE(contains(finish.err, "did you mean epoll?")) << finish.err;
}

}  // namespace
}  // namespace tornado::test
