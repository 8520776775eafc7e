// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Contests: several contestants do the same work, one after the other, several times
/// over, and only what was measured in the same round is compared.
///
/// Each measurement runs in a process of its own, so that none works in the heap, or
/// with the descriptors, that another has left. Each round begins with another
/// contestant. A contestant that miscounts ends the program with status 1.

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace tornado::bench {

enum class Role {
  ours,
  floor,  ///< the system calls, or the data structure, with nothing around
  peer,
};

enum class Better {
  lower,
  higher,
  neither,  ///< to be known, and not won
};

struct Metric {
  std::string name;
  std::string unit;
  Better better = Better::lower;
};

/// What a contestant is asked to do once, and what it has found.
class Round {
 public:
  Round(bool quick, bool counting) : quick_(quick), counting_(counting) {}

  /// How often to do something: `usual`, or less when time does not matter.
  [[nodiscard]] std::size_t times(std::size_t usual) const;
  /// System calls are being counted: everything is slow, and no time is meant.
  [[nodiscard]] bool counting() const { return counting_; }

  void set(const std::string& metric, double value) { figures_[metric] = value; }
  /// Sets the metrics "p50" and "p99", and a curve of percentiles.
  void set_latencies(std::vector<double> values);
  /// What the counted system calls are divided by.
  void set_operations(std::size_t n) { operations_ = static_cast<double>(n); }

  [[nodiscard]] const std::map<std::string, double>& figures() const {
    return figures_;
  }
  [[nodiscard]] const std::vector<double>& curve() const { return curve_; }
  [[nodiscard]] double operations() const { return operations_; }
  void set_curve(std::vector<double> curve) { curve_ = std::move(curve); }

 private:
  bool quick_;
  bool counting_;
  std::map<std::string, double> figures_;
  std::vector<double> curve_;
  double operations_ = 1;
};

/// The percentiles of Round::curve(), in order.
inline constexpr double curve_percents[] = {1,  10, 25,   50,   75,   90,    95,
                                            98, 99, 99.5, 99.8, 99.9, 99.95, 99.99};

struct Contestant {
  std::string name;
  Role role;
  std::function<void(Round&)> run;
};

struct Contest {
  std::string name;
  std::vector<Metric> metrics;
  std::vector<Contestant> contestants;
  /// "message", if the system calls for one are counted; see call_count.h.
  std::string operation = {};
};

struct Workload {
  std::string name;
  std::string about;
  std::vector<Contest> contests;
};

/// Ends the process with status 1 unless `holds`.
void check(bool holds, const char* what);

/// The main function of each benchmark. Options: --quick, --rounds N, --only TEXT (in
/// the name of a contest or contestant), --json FILE.
int compete(const Workload& workload, int argc, char** argv);

}  // namespace tornado::bench
