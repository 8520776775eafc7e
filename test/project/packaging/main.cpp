// SPDX-License-Identifier: Apache-2.0
#include <tornado/tornado.h>

#include <cstdio>

int main() {
  tornado::IOLoop loop;
  const int answer = loop.run_sync([] { return 42; });
  std::printf("the loop says %d\n", answer);
  return answer == 42 ? 0 : 1;
}
