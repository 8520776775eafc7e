// SPDX-License-Identifier: Apache-2.0
// The shapes that programs may write, compiled at -O0 and at -O2. Each ends in every
// way at each of its suspensions.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "shapes.h"
#include "tornado/task_group.h"
#include "tornado/testing.h"

namespace tornado::test {
namespace {

enum class End { by_itself, by_exception, by_destruction, by_cancelling };

class CompilerShapes : public testing::TestWithParam<Shape> {
 protected:
  /// Runs the shape, and ends it at its suspension `at`. False if it had ended by then.
  static bool run(End end, int at) {
    Steps::taken = 0;
    Steps::throw_at = end == End::by_exception ? at : 0;
    Simulation simulation;
    IOLoop loop(simulation.options());
    loop.handle_callback_exception([](const std::exception_ptr&) {});
    auto group = std::make_unique<TaskGroup>(loop, OnFailure::report);
    group->start(GetParam().make());
    std::function<void()> watch = [&] {
      if (group->size() == 0) return loop.stop();
      if (Steps::taken >= at && end == End::by_destruction) {
        group.reset();
        return loop.stop();
      }
      if (Steps::taken >= at && end == End::by_cancelling) group->cancel();
      loop.add_callback([&watch] { watch(); });
    };
    watch();
    loop.start();
    return Steps::taken >= at;
  }
};

TEST_P(CompilerShapes, destroy_each_object_once_however_they_end) {
  for (const End end :
       {End::by_itself, End::by_exception, End::by_destruction, End::by_cancelling}) {
    for (int at = 1; run(end, at); ++at) {
      EXPECT_EQ(Tracked::wrong, 0) << at;
      EXPECT_TRUE(Tracked::live.empty()) << at;
      if (end == End::by_itself) break;
      ASSERT_LT(at, 20);
    }
  }
}

std::string name_of(const testing::TestParamInfo<Shape>& info) {
  return std::string(info.param.name) + "_at_O" + std::to_string(OPTIMIZATION);
}

INSTANTIATE_TEST_SUITE_P(All, CompilerShapes,
                         testing::ValuesIn(right_shapes().begin(),
                                           right_shapes().end()),
                         name_of);

}  // namespace
}  // namespace tornado::test
