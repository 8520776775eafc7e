// SPDX-License-Identifier: Apache-2.0
#include "platform/sync_point.h"
#include "platform/system_error.h"
#include "process/exit_wait.h"
#include "process/launch.h"
#include "process/preparation.h"
#include "process/spawn.h"

namespace tornado {

Child start_child(const SpawnOptions& options) {
  reap_abandoned();
  reserve_spawn_slots();
  Preparation preparation(options);
  sync_point(SyncPoint::spawn_prepared);
  Launched launched = launch(preparation.task());
  sync_point(SyncPoint::spawn_launched);
  if (launched.pid == -1) {
    throw_error({preparation.task().report.error, std::system_category()},
                preparation.failed_act());
  }
  Child child;
  child.pid = launched.pid;
  child.process = std::move(launched.process);
  preparation.hand_over(child);
  return child;
}

}  // namespace tornado
