// SPDX-License-Identifier: Apache-2.0
// For `tools/check coverage`: linked into every program, so that one that ends by _exit
// or abort also reports what it covered. Forked children end in these ways.
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

extern "C" {

void __gcov_dump();  // NOLINT: gcc's name

[[noreturn]] void _exit(int status) {
  __gcov_dump();
  for (;;) ::syscall(SYS_exit_group, status);
}

[[noreturn]] void abort() {
  __gcov_dump();
  ::signal(SIGABRT, SIG_DFL);
  sigset_t aborted;
  ::sigemptyset(&aborted);
  ::sigaddset(&aborted, SIGABRT);
  ::pthread_sigmask(SIG_UNBLOCK, &aborted, nullptr);
  for (;;) ::raise(SIGABRT);
}
}
