// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <tuple>

#include "every_loop.h"

namespace tornado::test {

/// The parameter of the suites that run over every poller with every waker.
using Kinds = std::tuple<PollerKind, WakerKind>;

/// A lost wake would leave a loop asleep on top of a callback: its tests hang then.
class LostWakes : public testing::TestWithParam<Kinds> {
 protected:
  void SetUp() override {
    TORNADO_SKIP_IF_REPLACED(std::get<0>(GetParam()), IOLoop(options()).poller());
  }

  static IOLoop::Options options() {
    return {std::get<0>(GetParam()), std::get<1>(GetParam()), false};
  }
};

inline std::string names_of(const testing::TestParamInfo<Kinds>& test) {
  return std::string(to_string(std::get<0>(test.param))) + "_" +
         std::string(to_string(std::get<1>(test.param)));
}

}  // namespace tornado::test

/// Instantiates `suite` on every poller with every waker.
#define TORNADO_ON_EVERY_POLLER_AND_WAKER(suite)                   \
  INSTANTIATE_TEST_SUITE_P(                                        \
      , suite,                                                     \
      testing::Combine(testing::ValuesIn(tornado::poller_kinds()), \
                       testing::ValuesIn(tornado::waker_kinds())), \
      tornado::test::names_of)
