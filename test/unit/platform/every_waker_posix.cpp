// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include "platform/every_waker.h"

namespace tornado::test {

void write_from_outside(const WakerView& waker) {
  const std::uint64_t one = 1;  // eventfd takes eight bytes only
  ASSERT_EQ(::write(waker.writer, &one, sizeof one), 8);
}

void write_byte_from_outside(const WakerView& waker) {
  ASSERT_EQ(::write(waker.writer, "", 1), 1);
}

void fill_from_outside(const WakerView& waker) {
  if (waker.kind == WakerKind::eventfd) {
    const std::uint64_t greatest = ~std::uint64_t{0} - 1;
    ASSERT_EQ(::write(waker.writer, &greatest, sizeof greatest), 8);
  } else {
    ASSERT_GT(fill(waker.writer), 0u);
  }
}

void replace_the_writer(const WakerView& waker) {
  const UniqueFd null = open_file("/dev/null", O_RDWR);
  ASSERT_NE(::dup3(null.get(), waker.writer, O_CLOEXEC), -1);
}

}  // namespace tornado::test
