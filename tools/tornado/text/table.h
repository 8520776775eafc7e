// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Columns that line up.

#include <string>
#include <vector>

#include "text/output.h"

namespace tornado::cli {

enum class Align { left, right };

struct Cell {
  // NOLINTBEGIN(google-explicit-constructor): {"name", "value"} is a row
  Cell(std::string t, Tone c = Tone::plain) : text(std::move(t)), tone(c) {}
  Cell(const char* t, Tone c = Tone::plain) : text(t), tone(c) {}
  // NOLINTEND(google-explicit-constructor)
  std::string text;
  Tone tone;
};

/// Cells hold UTF-8. A terminal that is too narrow gets the last column cut, with an
/// ellipsis. A file or a pipe gets all of it.
class Table {
 public:
  explicit Table(std::vector<Align> columns) : columns_(std::move(columns)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  void heading(const std::vector<std::string>& words);
  void print(Output& out, std::size_t indent = 2) const;

 private:
  [[nodiscard]] std::vector<std::size_t> widths() const;

  std::vector<Align> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace tornado::cli
