// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "platform/system_error.h"
#include "platform/wake_mechanism.h"
#include "platform/wake_stream.h"

namespace tornado {
namespace {

void signal_pipe(NativeFd writer) noexcept {
  retry_eintr([writer] { return ::write(writer, "", 1); });
}

}  // namespace

const WakeMechanism wake_by_pipe = {.kind = WakerKind::pipe,
                                    .name = "pipe",
                                    .open = &make_pipe,
                                    .signal = &signal_pipe,
                                    .drain = &drain_stream,
                                    .needs_reader = true};

}  // namespace tornado
