// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Histograms drawn in the terminal.

#include <string>
#include <vector>

#include "text/histogram.h"
#include "text/output.h"

namespace tornado::cli {

struct Chart {
  std::string title;
  const Histogram* histogram;
};

/// Draws the charts side by side on one scale of time, which is logarithmic. Each is as
/// high as its own fullest column. What lies outside the scale, at most one in a
/// thousand at either end, counts in the outermost columns.
void draw(Output& out, const std::vector<Chart>& charts);

}  // namespace tornado::cli
