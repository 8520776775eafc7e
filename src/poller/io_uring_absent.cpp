// SPDX-License-Identifier: Apache-2.0
// Without liburing: a name that another poller stands in for.
#include "poller/backends.h"

namespace tornado {

const PollerBackend io_uring_backend = {
    .kind = PollerKind::io_uring,
    .name = "io_uring",
    .make = nullptr,
    .by_name_only = true,
};

}  // namespace tornado
