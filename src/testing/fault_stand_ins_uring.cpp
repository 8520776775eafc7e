// SPDX-License-Identifier: Apache-2.0
// Of liburing's calls: by themselves, since they are linked only where it is.

#include <csignal>

#include "testing/fault_stand_in.h"

struct io_uring;
struct io_uring_params;
struct io_uring_cqe;
struct __kernel_timespec;

TORNADO_STAND_IN(int, io_uring_queue_init_params, -error,
                 (unsigned n, io_uring* ring, io_uring_params* p), (n, ring, p))
TORNADO_STAND_IN(int, io_uring_submit, -error, (io_uring * ring), (ring))
TORNADO_STAND_IN(int, io_uring_submit_and_wait_timeout, -error,
                 (io_uring * ring, io_uring_cqe** cqe, unsigned n,
                  __kernel_timespec* time, sigset_t* mask),
                 (ring, cqe, n, time, mask))
