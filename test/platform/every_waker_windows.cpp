// SPDX-License-Identifier: Apache-2.0
#include <winsock2.h>

#include "platform/every_waker.h"

namespace tornado::test {

void write_from_outside(Waker& waker) {
  ASSERT_EQ(::send(waker.write_fileno(), "x", 1, 0), 1);
}

void fill_from_outside(Waker& waker) {
  ASSERT_GT(fill(waker.write_fileno()), 0u);
}

}  // namespace tornado::test
