// SPDX-License-Identifier: Apache-2.0
#include "tornado/spawn.h"

#include "platform/descriptor_maker.h"
#include "platform/system_error.h"
#include "process/launch.h"
#include "process/preparation.h"
#include "process/wait_status.h"

namespace tornado {
namespace {

Child try_spawn(const SpawnOptions& options) {
  reserve_spawn_slots();
  Preparation preparation(options);
  Launched launched = launch(preparation.task());
  if (launched.pid == -1) {
    throw_error({preparation.task().report.error, std::system_category()},
                preparation.failed_act());
  }
  Child child;
  child.pid = launched.pid;
  child.process = std::move(launched.process);
  preparation.hand_over(child);
  for (const UniqueFd* fd : {&child.process, &child.in, &child.out, &child.err}) {
    set_maker(fd->get(), "spawn");
  }
  return child;
}

}  // namespace

Child spawn(const SpawnOptions& options) {
  return try_spawn(options);
}

Child spawn(const SpawnOptions& options, std::error_code& ec) {
  try {
    ec.clear();
    return try_spawn(options);
  } catch (const std::system_error& error) {
    ec = error.code();
    return {};
  }
}

int wait_child(Child& child) {
  if (child.pid == -1) {
    throw_error(std::make_error_code(std::errc::no_child_process), "wait_child");
  }
  const std::string act = "wait for child " + std::to_string(child.pid);
  const WaitStatus status = *reap(child.pid, child.process.get(), WaitFor::end);
  child.pid = -1;
  child.process.reset();
  if (status.error) throw_error(status.error, act);
  return status.returncode;
}

}  // namespace tornado
