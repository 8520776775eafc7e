// SPDX-License-Identifier: Apache-2.0
// Step 6: the server of step 2, as tasks.

#include <tornado/tornado.h>

#include <iostream>
#include <utility>

#include "line_tasks.h"

using tornado::Task;
using tornado::TaskGroup;
using tornado::UniqueFd;

namespace {

// [serve]
Task<> serve(UniqueFd client, tornado::Event& quit) {
  auto lines = lines_of(client.get());
  while (const auto line = co_await lines.next()) {
    if (*line == "quit") quit.set();
    co_await send_all(client.get(), *line + '\n');
  }
}

Task<> accept_clients(UniqueFd listener, TaskGroup& clients, tornado::Event& quit) {
  for (;;) {
    while (UniqueFd client = tornado::accept_socket(listener.get())) {
      clients.start(serve(std::move(client), quit));
    }
    co_await tornado::readable(listener.get());
  }
}
// [serve]

// [main]
Task<> run() {
  UniqueFd listener = listen_on_loopback();
  std::cout << "listening on 127.0.0.1:" << port_of(listener.get()) << std::endl;
  tornado::Event quit;
  TaskGroup tasks(tornado::OnFailure::report);
  tasks.start(accept_clients(std::move(listener), tasks, quit));
  co_await quit.wait();
}
// [main]

}  // namespace

int main() try {
  tornado::IOLoop loop;
  loop.run_sync(run());
} catch (const std::exception& error) {
  std::cerr << "6_tasks: " << error.what() << std::endl;
  return 1;
}
