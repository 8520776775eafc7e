// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "support/wait.h"
#include "tornado/fd.h"
#include "tornado/waker.h"

namespace tornado::test {

/// Parameter of the suites that run over every kind of waker.
class WakerSuite : public testing::TestWithParam<WakerKind> {
 protected:
  static WakerKind kind() { return GetParam(); }
};

inline std::string name_of_waker(const testing::TestParamInfo<WakerKind>& test) {
  return std::string(to_string(test.param));
}

inline void PrintTo(WakerKind kind, std::ostream* out) {
  *out << to_string(kind);
}

/// Writes from outside until the waker takes no more.
inline void fill_from_outside(Waker& waker) {
  if (waker.kind() == WakerKind::eventfd) {
    const std::uint64_t greatest = ~std::uint64_t{0} - 1;
    ASSERT_EQ(::write(waker.write_fileno(), &greatest, sizeof greatest), 8);
  } else {
    ASSERT_GT(fill(waker.write_fileno()), 0u);
  }
}

/// What happens when somebody outside puts another file on the writer's number.
inline void replace_the_writer(Waker& waker) {
  const UniqueFd null = open_file("/dev/null", O_RDWR);
  ASSERT_NE(::dup3(null.get(), waker.write_fileno(), O_CLOEXEC), -1);
}

inline void expect_to_work(Waker& waker) {
  (void)waker.consume();
  EXPECT_FALSE(is_readable(waker.fileno()));
  waker.wake();
  EXPECT_TRUE(is_readable(waker.fileno()));
  EXPECT_TRUE(waker.consume());
  EXPECT_FALSE(is_readable(waker.fileno()));
}

}  // namespace tornado::test
