// SPDX-License-Identifier: Apache-2.0
// SIGHUP reloads, SIGTERM and SIGINT end the program in good order: as callbacks on the
// loop, where everything is allowed that a signal handler may not do. SIGUSR1 shows the
// other way, for programs that have a handler of their own.

#include <tornado/tornado.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

namespace {

tornado::IOLoop* the_loop = nullptr;

// A real signal handler. add_callback_from_signal is all that it may call.
void on_usr1(int) {
  (void)the_loop->add_callback_from_signal([] { std::cout << "poked" << std::endl; });
}

}  // namespace

int main() try {
  tornado::IOLoop loop;
  the_loop = &loop;

  int reloads = 0;
  loop.add_signal_handler(
      SIGHUP, [&reloads](int) { std::cout << "reload " << ++reloads << std::endl; });
  for (const int signal : {SIGINT, SIGTERM}) {
    loop.add_signal_handler(signal, [&loop](int received) {
      std::cout << "ended by signal " << received << std::endl;
      loop.stop();
    });
  }
  struct sigaction action {};
  action.sa_handler = on_usr1;
  action.sa_flags = SA_RESTART;
  struct sigaction before {};
  if (sigaction(SIGUSR1, &action, &before) != 0) {
    throw std::system_error(errno, std::generic_category(), "sigaction");
  }

  std::cout << "process " << getpid() << " waits for signals" << std::endl;
  loop.start();
  sigaction(SIGUSR1, &before, nullptr);  // the loop is about to go
} catch (const std::exception& error) {
  std::cerr << "signals: " << error.what() << std::endl;
  return 1;
}
