// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tornado/fd.h"

namespace tornado::test {

/// One way to make the library open descriptors.
struct Maker {
  std::string name;
  std::function<std::shared_ptr<void>()> make;  ///< closed when the result is dropped
  bool nonblocking = true;  ///< epoll has no reads and writes that could block
};

/// All of them: fd.h, each waker, each poller that has a descriptor.
std::vector<Maker> makers();
std::string name_of_maker(const testing::TestParamInfo<Maker>& test);
void PrintTo(const Maker& maker, std::ostream* out);

}  // namespace tornado::test
