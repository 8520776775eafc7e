// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "fault_text.h"
#include "limits.h"
#include "scenarios.h"

namespace tornado::torture {

enum Verdict : int { right, reported, wrong, leaked, crashed, hung, never_struck };
inline constexpr std::size_t verdict_count = never_struck + 1;
const char* name_of(Verdict verdict);

struct Trial {
  const Scenario* scenario = nullptr;
  Fault fault;
  Limit limit;
};

/// As options that run it again.
std::string to_string(const Trial& trial);

struct Judgement {
  Verdict verdict = right;
  bool bad = false;
  std::string text;  ///< why
};

/// In a child of its own, and once more if that was bad.
Judgement judge(const Trial& trial);

}  // namespace tornado::torture
