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

/// As to_string() gives it. Throws std::out_of_range.
Fault parse_fault(const std::string& text);

/// A ledger that this process shares with those that it forks from now on, and with no
/// other.
void open_ledger();
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
  bool low_number_used;  ///< one of 0, 1 and 2, which were closed
};
Seen seen();

/// For the calls' stand-ins: what this one shall fail with, or 0.
int strike(std::size_t call) noexcept;

/// For the calls' stand-ins: the library lives above 2, also where that is free.
void note_use(int fd) noexcept;
void forbid_low_numbers();

/// Blocks of operator new that live. Counted always, in this process.
long live_blocks() noexcept;

/// The numbers below 256 that are open; by calls that never fail here.
std::vector<int> open_numbers();
/// Whether no child is left, running or dead.
bool no_children();

}  // namespace tornado::torture
