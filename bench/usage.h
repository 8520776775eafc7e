// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <ctime>

namespace tornado::bench {

/// The processor's time that this thread has had, in nanoseconds. For work that never
/// sleeps: unlike the time of day it does not run while others have the processor.
inline double thread_cpu_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// What the process has cost from here on. A contestant that does not sleep is quick at
/// the price of a processor: these figures tell.
class Usage {
 public:
  Usage() { ::getrusage(RUSAGE_SELF, &begin_); }

  /// How often a thread went to sleep, rather than being pushed aside.
  [[nodiscard]] double sleeps() const {
    return static_cast<double>(now().ru_nvcsw - begin_.ru_nvcsw);
  }
  [[nodiscard]] double cpu_us() const {
    const rusage end = now();
    return us(end.ru_utime) + us(end.ru_stime) - us(begin_.ru_utime) -
           us(begin_.ru_stime);
  }

 private:
  static rusage now() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage;
  }
  static double us(const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  }

  rusage begin_{};
};

}  // namespace tornado::bench
