// SPDX-License-Identifier: Apache-2.0
// Prints the addresses of names. All of them are asked for at the same time.
//
//   names localhost www.example.org
#include <iostream>
#include <string>

#include "tornado/cares_resolver.h"
#include "tornado/task_group.h"

using tornado::CaresResolver;
using tornado::IOLoop;
using tornado::Task;

Task<> print(CaresResolver& resolver, std::string name) {
  std::string text = name + ':';
  try {
    for (const auto& address : co_await resolver.resolve(name, 443)) {
      text += ' ' + address.ip();
    }
  } catch (const std::system_error& error) {
    text += ' ' + error.code().message();
  }
  std::cout << text << std::endl;
}

Task<> print_all(CaresResolver& resolver, int count, char** names) {
  tornado::TaskGroup group;
  for (int i = 0; i < count; ++i) group.start(print(resolver, names[i]));
  co_await group.join();
}

int main(int argc, char** argv) {
  IOLoop loop;
  CaresResolver resolver(loop);
  loop.run_sync(print_all(resolver, argc - 1, argv + 1));
}
