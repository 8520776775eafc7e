// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tornado::torture {

/// Which call fails: the `nth` of that name from now on, and how.
struct Fault {
  std::size_t call = ~std::size_t{0};
  std::uint32_t nth = 0;
  int error = 0;
  bool for_ever = false;
};

/// As errno spells it: "EMFILE"; "one-byte".
std::string error_name(int error);
int error_of(const std::string& name);

/// "write.3 EPIPE once"
std::string to_string(const Fault& fault);

/// From here to disarm() calls are counted, in this process and in all that it forks,
/// and the fault strikes. None: they are counted only.
void arm(const Fault& fault);
void disarm();
/// Calls of this process, and of what it forks, are the scenario's: not those of the
/// program that runs them.
void take_part();

/// What has been seen since arm().
struct Seen {
  std::vector<std::uint32_t> counts;  ///< by id
  std::uint32_t struck;
};
Seen seen();

/// For the calls' stand-ins: what this one shall fail with, or 0.
int strike(std::size_t call) noexcept;

/// Blocks of operator new that live. Counted always, in this process.
long live_blocks() noexcept;

/// The numbers below 256 that are open; by calls that never fail here.
std::vector<int> open_numbers();
/// Whether no child is left, running or dead.
bool no_children();

}  // namespace tornado::torture
