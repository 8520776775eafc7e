// SPDX-License-Identifier: Apache-2.0
#include <winsock2.h>

#include "platform/every_waker.h"

namespace tornado::test {

void write_byte_from_outside(const WakerView& waker) {
  ASSERT_EQ(::send(waker.writer, "x", 1, 0), 1);
}

void write_from_outside(const WakerView& waker) {
  ASSERT_EQ(::send(waker.writer, "x", 1, 0), 1);
}

void fill_from_outside(const WakerView& waker) {
  ASSERT_GT(fill(waker.writer), 0u);
}

}  // namespace tornado::test
