// SPDX-License-Identifier: Apache-2.0
#include "process/spawn.h"

#include <string>
#include <utility>

#include "platform/fd.h"
#include "platform/system_error.h"
#include "process/exit_wait.h"
#include "tornado/spawn.h"

namespace tornado {

Child spawn(const SpawnOptions& options) {
  Child child = start_child(options);
  for (const UniqueFd* fd : {&child.process, &child.in, &child.out, &child.err}) {
    tag_descriptor(fd->get(), "spawn");
  }
  return child;
}

Child spawn(const SpawnOptions& options, std::error_code& ec) {
  try {
    ec.clear();
    return spawn(options);
  } catch (const std::system_error& error) {
    ec = error.code();
    return {};
  }
}

int wait_child(Child& child) {
  if (child.pid == -1) {
    throw_error(std::make_error_code(std::errc::no_child_process), "wait_child");
  }
  const ExitStatus status = *reap(child.pid, child.process.get(), WaitFor::end);
  const auto pid = std::exchange(child.pid, -1);
  child.process.reset();
  if (status.error) {
    throw_error(status.error, "wait for child " + std::to_string(pid));
  }
  return status.returncode;
}

}  // namespace tornado
