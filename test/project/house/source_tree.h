// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

namespace tornado::test {

/// The top of the project.
const std::filesystem::path& source_tree();

struct SourceFile {
  std::string path;  ///< from the top of the project
  std::vector<std::string> lines;

  /// The folder, such as "src/loop".
  [[nodiscard]] std::string folder() const;
  /// The name without the folder.
  [[nodiscard]] std::string name() const;
};

/// For messages of gtest.
std::ostream& operator<<(std::ostream& out, const SourceFile& file);

/// All files below `folder` whose names end so, in the order of their paths. The
/// build's folder is left out.
std::vector<SourceFile> files_in(const std::string& folder,
                                 const std::vector<std::string>& endings);
SourceFile read_source(const std::string& path);

/// What the file includes by quotes, or by angle brackets if `system`.
std::vector<std::string> includes_of(const SourceFile& file, bool system = false);

}  // namespace tornado::test
