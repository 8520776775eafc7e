// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "json.h"

namespace tornado::bench {

/// Ours to another's in the same round, over all rounds.
struct Ratio {
  double low;  // quartiles
  double median;
  double high;
};
Ratio ratio_of(const Json& ours, const Json& other, const std::string& metric);

/// "better", "worse", or "even" when the middle half of the rounds lies on both sides.
std::string verdict(const Ratio& ratio, const Json& metric);

/// With three significant digits.
std::string number(double value);
/// "epoll_wait 1.00, write 1.00", or "none".
std::string calls_text(const Json& calls);

/// What compete() has measured, for a terminal.
void print_contest(const Json& contest);

}  // namespace tornado::bench
