// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "source_tree.h"

namespace tornado::test {
namespace {

const std::vector<std::string> code = {".cpp", ".h"};

std::string text_of(const SourceFile& file) {
  std::string text;
  for (const std::string& line : file.lines) text += line + '\n';
  return text;
}

// The scripts have no endings, and a first line of their own.
std::vector<SourceFile> commented_files() {
  std::vector<SourceFile> files =
      files_in(".", {".cpp", ".h", ".cmake", ".cmake.in", ".pc.in", "CMakeLists.txt",
                     ".clang-tidy", ".editorconfig"});
  for (const char* script : {"run", ".ci/run", "tools/check", "tools/check-coroutines",
                             "tools/cross-test", "models/check", "bench/run"}) {
    SourceFile file = read_source(script);
    file.lines.erase(file.lines.begin());
    files.push_back(std::move(file));
  }
  return files;
}

TEST(Files, name_their_licence_first) {
  for (const SourceFile& file : commented_files()) {
    ASSERT_FALSE(file.lines.empty()) << file;
    EXPECT_TRUE(file.lines[0] == "// SPDX-License-Identifier: Apache-2.0" ||
                file.lines[0] == "# SPDX-License-Identifier: Apache-2.0")
        << file;
  }
}

TEST(Files, stay_short_enough_to_read) {
  constexpr std::size_t longest = 400;
  constexpr std::size_t longest_public_header = 300;
  for (const char* folder : {"include", "src", "tools", "examples"}) {
    const bool is_public = std::string_view(folder) == "include";
    for (const SourceFile& file : files_in(folder, code)) {
      EXPECT_LE(file.lines.size(), is_public ? longest_public_header : longest) << file;
    }
  }
}

TEST(Files, hold_no_tabs_and_no_blanks_at_the_end) {
  for (const char* folder : {"include", "src", "tools", "examples", "test", "cmake"}) {
    for (const SourceFile& file : files_in(folder, {".cpp", ".h", ".cmake", ".txt"})) {
      for (const std::string& line : file.lines) {
        EXPECT_EQ(line.find('\t'), std::string::npos) << file << ": " << line;
        EXPECT_FALSE(line.ends_with(' ')) << file << ": " << line;
      }
    }
  }
}

TEST(Files, of_the_library_are_all_compiled) {
  const std::string list = text_of(read_source("src/CMakeLists.txt"));
  for (const SourceFile& file : files_in("src", {".cpp"})) {
    const std::string name = file.path.substr(std::string("src/").size());
    EXPECT_NE(list.find(' ' + name), std::string::npos) << file;
  }
}

TEST(Files, that_are_public_headers_are_in_the_one_for_everything) {
  const std::vector<std::string> included =
      includes_of(read_source("include/tornado/tornado.h"));
  for (const SourceFile& file : files_in("include", {".h"})) {
    // The test kit and the components are libraries of their own.
    const std::set<std::string> apart = {"cares_resolver.h", "faults.h",
                                         "simulated_network.h", "testing.h", "tls.h"};
    if (file.name() == "tornado.h" || apart.contains(file.name())) continue;
    EXPECT_TRUE(std::ranges::count(included, "tornado/" + file.name())) << file;
  }
}

TEST(Files, that_are_headers_are_guarded) {
  for (const char* folder : {"include", "src", "tools", "test"}) {
    for (const SourceFile& file : files_in(folder, {".h"})) {
      EXPECT_TRUE(std::ranges::count(file.lines, "#pragma once")) << file;
    }
  }
}

}  // namespace
}  // namespace tornado::test
