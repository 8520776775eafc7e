// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The parts of `tornado demo`, and the stage on which each appears.

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "text/json.h"
#include "text/output.h"
#include "tornado/poller_kind.h"

namespace tornado::cli {

/// Holds until the first thing that is not as it must be.
class Verdict {
 public:
  void expect(bool good, const std::string& otherwise) {
    if (!good && why_.empty()) why_ = otherwise;
  }
  [[nodiscard]] bool held() const { return why_.empty(); }
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  std::string why_;
};

/// Thrown by a part that this machine has no means for. The text names the cause.
struct NotTried : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The findings of a part of the demo.
struct Part {
  std::string name;     ///< "wake"
  std::string summary;  ///< for the closing lines
  Verdict verdict;
  std::string not_tried;  ///< the reason; empty if the part was played
  Json figures;
};

/// Where a part of the demo prints, and the time that it may take.
struct Stage {
  Output& out;  ///< drops its text under --json and --quiet
  Progress& progress;
  std::vector<PollerKind> pollers;  ///< one at least, and each works
  std::chrono::nanoseconds length;  ///< of the whole demo
  /// A share of it.
  [[nodiscard]] std::chrono::nanoseconds share(double of) const {
    return std::chrono::nanoseconds(
        static_cast<std::int64_t>(static_cast<double>(length.count()) * of));
  }
};

/// However slow the machine is, this is enough for what happens at once on any other.
constexpr std::chrono::seconds patience{15};

Part demo_wakes(Stage& stage);
Part demo_timers(Stage& stage);
Part demo_children(Stage& stage);
Part demo_fork(Stage& stage);

}  // namespace tornado::cli
