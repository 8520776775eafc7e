// SPDX-License-Identifier: Apache-2.0
// For `tools/check coverage`: linked into every program, so that one that ends by _exit
// or abort also reports what it covered. Forked children end in these ways.
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

extern "C" {

void __gcov_dump();  // NOLINT: gcc's name

// What ends has left itself no descriptor, perhaps.
static void report() {
  ::syscall(SYS_close_range, 0, ~0u, 0);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  __gcov_dump();
}

[[noreturn]] void _exit(int status) {
  report();
  for (;;) ::syscall(SYS_exit_group, status);
}

[[noreturn]] void abort() {
  report();
  ::signal(SIGABRT, SIG_DFL);
  sigset_t aborted;
  ::sigemptyset(&aborted);
  ::sigaddset(&aborted, SIGABRT);
  ::pthread_sigmask(SIG_UNBLOCK, &aborted, nullptr);
  for (;;) ::raise(SIGABRT);
}
}
