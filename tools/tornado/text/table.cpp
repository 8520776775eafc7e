// SPDX-License-Identifier: Apache-2.0
#include "text/table.h"

#include <algorithm>

#include "text/byte_text.h"

namespace tornado::cli {
namespace {

std::string padded(const std::string& text, std::size_t width, Align align) {
  const std::size_t used = columns_of(text);
  const std::string blanks(width > used ? width - used : 0, ' ');
  return align == Align::left ? text + blanks : blanks + text;
}

}  // namespace

void Table::heading(const std::vector<std::string>& words) {
  std::vector<Cell> row;
  for (const auto& word : words) row.emplace_back(word, Tone::note);
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths(columns_.size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], columns_of(row[i].text));
    }
  }
  return widths;
}

void Table::print(Output& out, std::size_t indent) const {
  const auto width = widths();
  for (const auto& row : rows_) {
    std::string line(indent, ' ');
    std::size_t used = indent;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      std::string text = row[i].text;
      if (last && out.terminal().width > 0) {
        const std::size_t total = out.terminal().width;
        text = cut(text, used < total ? total - used : 0);
      }
      if (!last || columns_[i] == Align::right) {
        text = padded(text, width[i], columns_[i]);
      }
      line += out.paint(row[i].tone, text) + (last ? "" : "  ");
      used += width[i] + 2;
    }
    // Empty cells at the end leave blanks behind.
    line.erase(line.find_last_not_of(' ') + 1);
    out.print("{}\n", line);
  }
}

}  // namespace tornado::cli
