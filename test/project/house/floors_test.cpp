// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "source_tree.h"

namespace tornado::test {
namespace {

constexpr std::array floors = {"platform", "poller", "loop", "process", "coroutine",
                               "net",      "stream", "tls",  "dns",     "testing"};

// 0 for the lowest, and -1 for a folder that is no floor of the library.
int floor_of(const std::string& include_or_path) {
  for (int i = 0; i < static_cast<int>(floors.size()); ++i) {
    const std::string folder = std::string(floors[static_cast<std::size_t>(i)]) + "/";
    if (include_or_path.starts_with(folder)) return i;
    if (include_or_path.starts_with("src/" + folder)) return i;
  }
  return -1;
}

bool is_public(const std::string& include) {
  return include.starts_with("tornado/");
}

std::vector<SourceFile> library() {
  return files_in("src", {".cpp", ".h"});
}

TEST(Floors, every_source_stands_on_one) {
  for (const SourceFile& file : library()) EXPECT_GE(floor_of(file.path), 0) << file;
}

TEST(Floors, includes_go_down_and_never_up) {
  for (const SourceFile& file : library()) {
    for (const std::string& include : includes_of(file)) {
      if (is_public(include)) continue;
      EXPECT_GE(floor_of(include), 0) << file << " includes \"" << include << '"';
      EXPECT_LE(floor_of(include), floor_of(file.path))
          << file << " includes \"" << include << '"';
    }
  }
}

TEST(Floors, a_component_alone_includes_what_it_is_made_of) {
  for (const SourceFile& file : library()) {
    for (const std::string& include : includes_of(file, true)) {
      const bool is_foreign = include.starts_with("openssl/") || include == "ares.h";
      const std::string home = include == "ares.h" ? "src/dns" : "src/tls";
      EXPECT_TRUE(!is_foreign || file.folder() == home)
          << file << " includes <" << include << '>';
    }
  }
}

TEST(Floors, public_headers_include_public_headers_only) {
  for (const SourceFile& file : files_in("include", {".h"})) {
    for (const std::string& include : includes_of(file)) {
      EXPECT_TRUE(is_public(include)) << file << " includes \"" << include << '"';
    }
  }
}

TEST(Floors, tools_and_examples_use_public_headers_only) {
  for (const char* folder : {"tools", "examples"}) {
    for (const SourceFile& file : files_in(folder, {".cpp", ".h"})) {
      for (const std::string& include : includes_of(file)) {
        EXPECT_EQ(floor_of(include), -1) << file << " includes \"" << include << '"';
      }
    }
  }
}

// A pair a.h, a.cpp is one unit, as is a header or source without the other half.
std::string unit_of(const std::string& path) {
  return path.substr(0, path.find_last_of('.'));
}

TEST(Floors, units_of_one_floor_do_not_include_each_other_in_a_circle) {
  std::map<std::string, std::set<std::string>> needs;
  for (const SourceFile& file : library()) {
    const std::string unit = unit_of(file.path.substr(std::string("src/").size()));
    for (const std::string& include : includes_of(file)) {
      if (!is_public(include) && unit_of(include) != unit)
        needs[unit].insert(unit_of(include));
    }
  }
  // Takes away what needs nothing until nothing is left, or only circles.
  for (bool progress = true; progress;) {
    progress = false;
    for (auto it = needs.begin(); it != needs.end();) {
      std::erase_if(it->second,
                    [&](const auto& unit) { return !needs.contains(unit); });
      progress = progress || it->second.empty();
      it = it->second.empty() ? needs.erase(it) : std::next(it);
    }
  }
  for (const auto& [unit, needed] : needs) {
    ADD_FAILURE() << unit << " is in a circle with " << *needed.begin();
  }
}

// A unit that defines a mechanism of one of the two tables is a backend.
// poller_kind.cpp is a table itself.
std::set<std::string> backends_of(const std::vector<SourceFile>& files) {
  static const std::regex defines_one(R"(^const (PollerBackend|WakeMechanism) )");
  std::set<std::string> found;
  for (const SourceFile& file : files) {
    const std::string unit = unit_of(file.path.substr(std::string("src/").size()));
    if (unit == "poller/poller_kind") continue;
    for (const std::string& line : file.lines) {
      if (std::regex_search(line, defines_one)) found.insert(unit);
    }
  }
  return found;
}

TEST(Floors, backends_are_reached_through_their_table_alone) {
  const std::vector<SourceFile> files = library();
  const std::set<std::string> backends = backends_of(files);
  const std::set<std::string> known = {"platform/wake_eventfd",
                                       "platform/wake_kqueue",
                                       "platform/wake_stream_posix",
                                       "platform/wake_stream_windows",
                                       "poller/epoll",
                                       "poller/io_uring",
                                       "poller/iocp_windows",
                                       "poller/kqueue",
                                       "poller/poll",
                                       "poller/poll_windows",
                                       "poller/select",
                                       "poller/select_windows"};
  EXPECT_EQ(backends, known);
  for (const SourceFile& file : files) {
    for (const std::string& include : includes_of(file)) {
      EXPECT_FALSE(backends.contains(unit_of(include)))
          << file << " includes \"" << include << '"';
    }
  }
}

// __linux__ and its like, which say which system this is; not SYS_close_range and its
// like, which say what the system's headers know.
const std::regex& names_a_system() {
  static const std::regex pattern(
      R"(^\s*#\s*(if|ifdef|ifndef|elif)\b.*\b(__linux__|__linux|linux|__gnu_linux__|)"
      R"(_WIN32|_WIN64|WIN32|__CYGWIN__|__MINGW32__|_MSC_VER|__APPLE__|__MACH__|)"
      R"(__FreeBSD__|__NetBSD__|__OpenBSD__|__DragonFly__|__sun|__unix__|unix|)"
      R"(__ANDROID__|__GLIBC__|__EMSCRIPTEN__)\b)");
  return pattern;
}

TEST(Floors, only_the_tables_ask_which_system_this_is) {
  const std::set<std::string> may_ask = {"include/tornado/native.h",
                                         "src/poller/poller_kind.cpp",
                                         "src/platform/wakers.cpp"};
  std::vector<SourceFile> files = library();
  for (SourceFile& header : files_in("include", {".h"})) files.push_back(header);
  std::set<std::string> asking;
  for (const SourceFile& file : files) {
    for (const std::string& line : file.lines) {
      if (!std::regex_search(line, names_a_system())) continue;
      asking.insert(file.path);
      EXPECT_TRUE(may_ask.contains(file.path)) << file << ": " << line;
    }
  }
  EXPECT_EQ(asking, may_ask);
}

TEST(Floors, no_public_header_drags_in_the_system) {
  static const std::regex of_the_standard_library("^[a-z_]+$");
  for (const SourceFile& file : files_in("include", {".h"})) {
    for (const std::string& include : includes_of(file, true)) {
      EXPECT_TRUE(std::regex_match(include, of_the_standard_library))
          << file << " includes <" << include << '>';
    }
  }
}

}  // namespace
}  // namespace tornado::test
