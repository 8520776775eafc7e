// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "process/child_streams.h"
#include "process/child_task.h"
#include "process/descriptor_moves.h"
#include "process/launch.h"
#include "tornado/spawn.h"

namespace tornado {

/// Owns what a ChildTask points to, and has checked it. Throws std::system_error for
/// what can be known to be wrong before there is a child.
class Preparation {
 public:
  explicit Preparation(const SpawnOptions& options);
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;

  [[nodiscard]] ChildTask& task() { return task_; }
  /// What the child could not do, with the value: "chdir /gone".
  [[nodiscard]] std::string failed_act() const;
  void hand_over(Child& child) noexcept { streams_->hand_over(child); }

 private:
  void prepare_argv();
  void prepare_files();
  void prepare_place();
  void prepare_descriptors();
  void prepare_limits();
  void prepare_ids();
  void prepare_signals();

  const SpawnOptions& options_;
  std::optional<ChildStreams> streams_;  // opened when all else is known to be right
  DescriptorPlan plan_;
  std::vector<std::string> arguments_;
  std::vector<std::string> variables_;
  std::vector<std::string> files_;
  std::vector<char*> argv_;
  std::vector<const char*> script_argv_;
  std::vector<char*> environment_;
  std::vector<const char*> file_pointers_;
  std::vector<ChildLimit> limits_;
  ChildTask task_;
};

/// Prepares a child and launches it by `way`, which is launch() or launch_by_fork().
/// Throws std::system_error that names the act which failed.
Child launch_child(const SpawnOptions& options, Launched (*way)(ChildTask&));

}  // namespace tornado
