// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "source_tree.h"

namespace tornado::test {
namespace {

std::vector<SourceFile> documents() {
  return files_in(".", {".md"});
}

std::string without_indent(const std::string& line) {
  return line.substr(std::min(line.find_first_not_of(' '), line.size()));
}

struct Block {
  std::string where;
  std::string language;
  std::vector<std::string> lines;
};

std::vector<Block> blocks_of(const SourceFile& document) {
  std::vector<Block> blocks;
  bool inside = false;
  for (std::size_t i = 0; i < document.lines.size(); ++i) {
    const std::string line = without_indent(document.lines[i]);
    if (line.starts_with("```")) {
      if (!inside) {
        blocks.push_back(
            {document.path + ":" + std::to_string(i + 1), line.substr(3), {}});
      }
      inside = !inside;
    } else if (inside) {
      blocks.back().lines.push_back(line);
    }
  }
  return blocks;
}

// Prose alone: neither blocks of code nor `code`.
std::vector<std::string> prose_of(const SourceFile& document) {
  static const std::regex inline_code("`[^`]*`");
  std::vector<std::string> prose;
  bool inside = false;
  for (const std::string& line : document.lines) {
    if (without_indent(line).starts_with("```")) inside = !inside;
    prose.push_back(inside ? "" : std::regex_replace(line, inline_code, ""));
  }
  return prose;
}

// Blank lines and indentation aside.
bool stands_in(const Block& block, const SourceFile& source) {
  std::vector<std::string> lines;
  for (const std::string& line : source.lines) lines.push_back(without_indent(line));
  std::vector<std::string> wanted = block.lines;
  std::erase(lines, "");
  std::erase(wanted, "");
  return !std::ranges::search(lines, wanted).empty();
}

TEST(Documents, show_only_code_that_is_compiled_and_run) {
  std::vector<SourceFile> sources = files_in("examples", {".cpp"});
  for (SourceFile& file : files_in("test/project/packaging", {"CMakeLists.txt"})) {
    sources.push_back(std::move(file));
  }
  int shown = 0;
  for (const SourceFile& document : documents()) {
    for (const Block& block : blocks_of(document)) {
      if (block.language != "cpp" && block.language != "cmake") continue;
      ++shown;
      EXPECT_TRUE(std::ranges::any_of(
          sources, [&](const SourceFile& file) { return stands_in(block, file); }))
          << block.where << " is in no example";
    }
  }
  EXPECT_GE(shown, 5);
}

TEST(Documents, say_in_which_language_each_block_is) {
  for (const SourceFile& document : documents()) {
    for (const Block& block : blocks_of(document)) {
      EXPECT_FALSE(block.language.empty()) << block.where;
    }
  }
}

// As the usual renderers make it from a heading.
std::string anchor_of(const std::string& heading) {
  std::string anchor;
  for (const char c : heading) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '_' || c == '-') {
      anchor += static_cast<char>(std::tolower(byte));
    } else if (c == ' ') {
      anchor += '-';
    }
  }
  return anchor;
}

std::set<std::string> anchors_of(const SourceFile& document) {
  std::set<std::string> anchors;
  for (const std::string& line : document.lines) {
    if (!line.starts_with('#')) continue;
    anchors.insert(anchor_of(without_indent(line.substr(line.find_first_not_of('#')))));
  }
  return anchors;
}

void expect_target(const SourceFile& document, const std::string& link) {
  const std::string path = link.substr(0, link.find('#'));
  const auto file = path.empty()
                        ? std::filesystem::path(document.path)
                        : std::filesystem::path(document.path).parent_path() / path;
  EXPECT_TRUE(std::filesystem::exists(source_tree() / file))
      << document << ": " << link;
  if (link.find('#') == std::string::npos) return;
  const std::set<std::string> anchors = anchors_of(read_source(file.string()));
  EXPECT_TRUE(anchors.contains(link.substr(link.find('#') + 1)))
      << document << ": " << link;
}

TEST(Documents, link_to_what_exists) {
  static const std::regex link_pattern(R"(\]\(([^)\s]+)\))");
  int links = 0;
  for (const SourceFile& document : documents()) {
    for (const std::string& line : prose_of(document)) {
      for (std::sregex_iterator it(line.begin(), line.end(), link_pattern), end;
           it != end; ++it) {
        const std::string link = (*it)[1];
        if (link.find("://") != std::string::npos) continue;
        ++links;
        expect_target(document, link);
      }
    }
  }
  EXPECT_GE(links, 5);
}

// `src/loop/turn.cpp`, `docs/guide.md`, `tools/check`, and the like.
TEST(Documents, name_only_files_that_exist) {
  static const std::regex path_pattern(
      R"(`((?:include|src|test|tools|examples|docs|cmake)/[A-Za-z0-9_./-]+)`)");
  int names = 0;
  for (const SourceFile& document : documents()) {
    for (const std::string& line : document.lines) {
      for (std::sregex_iterator it(line.begin(), line.end(), path_pattern), end;
           it != end; ++it) {
        ++names;
        EXPECT_TRUE(std::filesystem::exists(source_tree() / std::string((*it)[1])))
            << document << ": " << (*it)[1];
      }
    }
  }
  EXPECT_GE(names, 5);
}

// `Waker.ends_the_sleep_of_another_thread` is TEST*(Waker, ends_the_sleep_...).
TEST(Documents, name_only_tests_that_exist) {
  static const std::regex test_pattern(
      R"(\bT(?:YPED_)?EST(?:_[PF])?\(\s*(\w+),\s*(\w+)\))");
  static const std::regex name_pattern(
      R"(`([A-Z]\w+)\.([a-z0-9]+(?:_[a-z0-9]+){2,})`)");
  std::set<std::string> tests;
  for (const SourceFile& file : files_in("test", {".cpp", ".h"})) {
    std::string text;
    for (const std::string& line : file.lines) text += line + ' ';
    for (std::sregex_iterator it(text.begin(), text.end(), test_pattern), end;
         it != end; ++it) {
      tests.insert((*it)[1].str() + "." + (*it)[2].str());
    }
  }
  EXPECT_TRUE(tests.contains("Documents.name_only_tests_that_exist"));
  for (const SourceFile& document : documents()) {
    for (const std::string& line : document.lines) {
      for (std::sregex_iterator it(line.begin(), line.end(), name_pattern), end;
           it != end; ++it) {
        const std::string name = (*it)[1].str() + "." + (*it)[2].str();
        if ((*it)[2].str().starts_with("test_")) continue;  // Tornado's, in Python
        EXPECT_TRUE(tests.contains(name)) << document << ": " << name;
      }
    }
  }
}

// The text of each `///` comment, as one line, without indented samples and without
// the notes of members (`///<`).
std::vector<std::string> docstrings_of(const SourceFile& header) {
  static const std::regex pattern(R"(^\s*/// (?! )(.*)$)");
  std::vector<std::string> texts(1);
  for (const std::string& line : header.lines) {
    std::smatch match;
    if (std::regex_match(line, match, pattern)) {
      texts.back() += match[1].str() + ' ';
    } else if (!texts.back().empty()) {
      texts.emplace_back();
    }
  }
  return texts;
}

TEST(Documents, of_public_headers_have_sentences_of_20_words_at_most) {
  static const std::regex end_of_sentence(R"([.:;?!]\s+)");
  static const std::regex word(R"([\w'():<>./&]+)");
  constexpr auto most_words = 20;
  for (const SourceFile& header : files_in("include", {".h"})) {
    for (const std::string& text : docstrings_of(header)) {
      for (std::sregex_token_iterator it(text.begin(), text.end(), end_of_sentence, -1),
           end;
           it != end; ++it) {
        const std::string sentence = *it;
        const auto words = std::distance(
            std::sregex_iterator(sentence.begin(), sentence.end(), word), {});
        EXPECT_LE(words, most_words) << header << ": " << sentence;
      }
    }
  }
}

}  // namespace
}  // namespace tornado::test
