// SPDX-License-Identifier: Apache-2.0
#include <tornado/cares_resolver.h>

#include <cstdio>

int main() {
  tornado::IOLoop loop;
  tornado::CaresResolver resolver(loop);
  const auto found = loop.run_sync(resolver.resolve("127.0.0.1", 80));
  std::printf("%s\n", to_string(found.front()).c_str());
  return found.size() == 1 ? 0 : 1;
}
