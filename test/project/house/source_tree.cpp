// SPDX-License-Identifier: Apache-2.0
#include "source_tree.h"

#include <algorithm>
#include <fstream>
#include <regex>
#include <stdexcept>

namespace tornado::test {

namespace fs = std::filesystem;

const fs::path& source_tree() {
  static const fs::path top = SOURCE_TREE;
  return top;
}

std::string SourceFile::folder() const {
  return fs::path(path).parent_path().string();
}
std::string SourceFile::name() const {
  return fs::path(path).filename().string();
}

std::ostream& operator<<(std::ostream& out, const SourceFile& file) {
  return out << file.path;
}

SourceFile read_source(const std::string& path) {
  std::ifstream stream(source_tree() / path);
  if (!stream) throw std::runtime_error("cannot read " + path);
  SourceFile file{path, {}};
  for (std::string line; std::getline(stream, line);) file.lines.push_back(line);
  return file;
}

std::vector<SourceFile> files_in(const std::string& folder,
                                 const std::vector<std::string>& endings) {
  std::vector<std::string> paths;
  fs::recursive_directory_iterator entry(source_tree() / folder);
  for (; entry != fs::recursive_directory_iterator(); ++entry) {
    const std::string name = entry->path().filename().string();
    if (entry->is_directory() && (name == "build" || name.starts_with('.'))) {
      entry.disable_recursion_pending();
    }
    const auto ends_so = [&](const std::string& end) { return name.ends_with(end); };
    if (entry->is_regular_file() && std::ranges::any_of(endings, ends_so)) {
      paths.push_back(
          entry->path().lexically_relative(source_tree()).lexically_normal().string());
    }
  }
  std::ranges::sort(paths);
  std::vector<SourceFile> files;
  for (const std::string& path : paths) files.push_back(read_source(path));
  return files;
}

std::vector<std::string> includes_of(const SourceFile& file, bool system) {
  static const std::regex quoted(R"re(^\s*#\s*include\s*"([^"]+)")re");
  static const std::regex angular(R"re(^\s*#\s*include\s*<([^>]+)>)re");
  std::vector<std::string> includes;
  for (const std::string& line : file.lines) {
    std::smatch found;
    if (std::regex_search(line, found, system ? angular : quoted)) {
      includes.push_back(found[1]);
    }
  }
  return includes;
}

}  // namespace tornado::test
