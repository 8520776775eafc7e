// SPDX-License-Identifier: Apache-2.0
// Turns the results of a run into one page of ratios, losses included, and into what
// `plot` draws.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness.h"
#include "json.h"
#include "statistics.h"
#include "table.h"

namespace tornado::bench {
namespace {

namespace fs = std::filesystem;

std::string text(const Json& json) {
  return json.get<std::string>();
}

std::vector<Json> read_results(const fs::path& directory) {
  std::map<std::string, Json> found;  // in the order of names
  for (const auto& file : fs::directory_iterator(directory)) {
    if (file.path().extension() != ".json") continue;
    std::ifstream stream(file.path());
    const Json json = Json::parse(stream);
    if (json.contains("workload")) found[file.path().filename()] = json;
  }
  if (found.empty()) throw std::runtime_error("no results in " + directory.string());
  std::vector<Json> results;
  for (const auto& [name, json] : found) results.push_back(json);
  return results;
}

/// What Google Benchmark has written of the parts; null where it was not there.
Json read_inside(const fs::path& directory) {
  std::ifstream stream(directory / "inside.json");
  return stream ? Json::parse(stream) : Json();
}

std::vector<Json> all_contests(const std::vector<Json>& results) {
  std::vector<Json> contests;
  for (const Json& result : results) {
    for (const Json& contest : result["contests"]) contests.push_back(contest);
  }
  return contests;
}

double median_of(const Json& contestant, const std::string& metric) {
  return median(contestant["figures"][metric].get<std::vector<double>>());
}

bool has_figure(const Json& contestant, const std::string& metric) {
  return contestant["figures"].contains(metric);
}

// The page.

std::string describe(const Json& machine) {
  std::string line = text(machine["cpu"]) + ", " +
                     std::to_string(machine["cores"].get<int>()) + " cores; " +
                     text(machine["kernel"]) + "; " + text(machine["compiler"]) + ";";
  for (const auto& [peer, version] : machine["peers"].items()) {
    line += " " + peer + " " + text(version) + ",";
  }
  line.back() = '.';
  return line + " Load before the first workload: " +
         number(machine["load_at_start"].get<double>()) + ".";
}

struct Count {
  int better = 0;
  int even = 0;
  int worse = 0;
  void add(const std::string& word) {
    better += word == "better";
    even += word == "even";
    worse += word == "worse";
  }
};

class Page {
 public:
  explicit Page(const fs::path& path) : file_(path) {}

  void write(const std::vector<Json>& results, const Json& inside) {
    file_ << "# Benchmarks\n\n"
          << describe(results.front()["machine"]) << "\n\n"
          << "Ratios are ours to theirs in the same round: their median, and the "
             "quartiles. \"even\": the quartiles lie on both sides of 1.\n";
    for (const Json& result : results) {
      file_ << "\n## " << text(result["workload"]) << "\n\n"
            << text(result["about"]) << " Rounds: " << result["rounds"] << ".\n"
            << (result.value("quick", false) ? "\nA quick run: no figure counts.\n"
                                             : "");
      for (const Json& contest : result["contests"]) write_contest(contest);
    }
    if (!inside.is_null()) write_inside(inside["benchmarks"]);
    file_ << "\n## Won and lost\n\nAgainst peers: " << peers_.better << " better, "
          << peers_.even << " even, " << peers_.worse
          << " worse. Against floors: " << floors_.better << " better, " << floors_.even
          << " even, " << floors_.worse << " worse.\n\nWorse than a peer:\n\n"
          << (losses_.empty() ? "- none\n" : losses_);
    if (!file_.flush()) throw std::runtime_error("cannot write the page");
  }

 private:
  void write_contest(const Json& contest) {
    for (const Json& metric : contest["metrics"]) write_metric(contest, metric);
    if (text(contest["operation"]).empty()) return;
    file_ << "\nSystem calls per " << text(contest["operation"]) << ", "
          << text(contest["name"]) << ":\n\n";
    for (const Json& one : contest["contestants"]) {
      file_ << "- " << text(one["name"]) << ": "
            << (one.contains("calls") ? calls_text(one["calls"])
                                      : "not countable: tracing is forbidden")
            << '\n';
    }
  }

  void write_inside(const Json& benchmarks) {
    file_
        << "\n## inside\n\nThe parts without system calls, of so many items at a time; "
           "the dispatch of events over a poller that is an array, and beside it the "
           "calls alone.\n\n| part/items | ns per item |\n|---|---|\n";
    for (const Json& one : benchmarks) {
      if (!one.contains("items_per_second")) continue;
      file_ << "| " << text(one["name"]) << " | "
            << number(1e9 / one["items_per_second"].get<double>()) << " |\n";
    }
  }

  void write_metric(const Json& contest, const Json& metric) {
    const std::string name = text(metric["name"]);
    file_ << "\n"
          << text(contest["name"]) << ": " << name << ", " << text(metric["unit"])
          << " (" << text(metric["better"])
          << " is better)\n\n| | median | tornado to it | |\n|---|---|---|---|\n";
    const Json& ours = contest["contestants"].front();
    for (const Json& one : contest["contestants"]) {
      if (has_figure(one, name)) write_row(contest, metric, ours, one);
    }
  }

  void write_row(const Json& contest, const Json& metric, const Json& ours,
                 const Json& one) {
    const std::string name = text(metric["name"]);
    const std::string role = text(one["role"]);
    file_ << "| "
          << (role == "floor" ? "*" + text(one["name"]) + "*" : text(one["name"]))
          << " | " << number(median_of(one, name)) << " | ";
    if (role == "ours" || metric["better"] == "neither") {
      file_ << "| |\n";
      return;
    }
    const Ratio ratio = ratio_of(ours, one, name);
    const std::string word = verdict(ratio, metric);
    char figures[64];
    std::snprintf(figures, sizeof figures, "%.2f [%.2f .. %.2f]", ratio.median,
                  ratio.low, ratio.high);
    file_ << figures << " | " << word << " |\n";
    (role == "peer" ? peers_ : floors_).add(word);
    if (role == "peer" && word == "worse") {
      losses_ += "- " + text(contest["name"]) + ", " + name + ": " + figures + " of " +
                 text(one["name"]) + "\n";
    }
  }

  std::ofstream file_;
  Count peers_;
  Count floors_;
  std::string losses_;
};

// For the pictures.

std::string quoted(const std::string& name) {
  return '"' + name + '"';
}

/// The curves of a contest: a block of "percent value" for each contestant.
void write_curves(const fs::path& path, const std::vector<Json>& contests,
                  const std::string& name) {
  std::ofstream file(path);
  for (const Json& contest : contests) {
    if (text(contest["name"]) != name) continue;
    for (const Json& one : contest["contestants"]) {
      if (!one.contains("curve")) continue;
      file << quoted(text(one["name"])) << '\n';
      for (std::size_t i = 0; i < std::size(curve_percents); ++i) {
        file << curve_percents[i] << ' ' << one["curve"][i].get<double>() << '\n';
      }
      file << "\n\n";
    }
  }
}

struct Row {
  std::string label;
  std::string contest;
  std::string metric;
};

const Json* find_contest(const std::vector<Json>& contests, const std::string& name) {
  for (const Json& contest : contests) {
    if (text(contest["name"]) == name) return &contest;
  }
  return nullptr;
}

/// Medians: a line for each row, a column for each contestant.
void write_table(const fs::path& path, const std::vector<Json>& contests,
                 const std::vector<Row>& rows) {
  std::ofstream file(path);
  std::vector<std::string> columns;
  for (const Row& row : rows) {
    const Json* contest = find_contest(contests, row.contest);
    if (!contest) continue;
    for (const Json& one : (*contest)["contestants"]) {
      const std::string name = text(one["name"]);
      if (std::ranges::find(columns, name) == columns.end()) columns.push_back(name);
    }
  }
  file << "row";
  for (const std::string& column : columns) file << ' ' << quoted(column);
  file << '\n';
  for (const Row& row : rows) {
    const Json* contest = find_contest(contests, row.contest);
    if (!contest) continue;
    const bool is_number =
        row.label.find_first_not_of("0123456789") == std::string::npos;
    file << (is_number ? row.label : quoted(row.label));
    for (const std::string& column : columns) {
      std::string value = "?";
      for (const Json& one : (*contest)["contestants"]) {
        if (text(one["name"]) == column && has_figure(one, row.metric)) {
          value = std::to_string(median_of(one, row.metric));
        }
      }
      file << ' ' << value;
    }
    file << '\n';
  }
}

void write_plot_data(const fs::path& directory, const std::vector<Json>& contests) {
  fs::create_directories(directory);
  write_curves(directory / "wake_same.dat", contests, "wake, same core");
  write_curves(directory / "wake_other.dat", contests, "wake, other core");
  write_curves(directory / "post_idle.dat", contests,
               "post to a sleeping loop, other core");
  write_table(directory / "post.dat", contests,
              {{"1", "posts, 1 producers", "posts"},
               {"2", "posts, 2 producers", "posts"},
               {"4", "posts, 4 producers", "posts"}});
  write_table(directory / "pipes.dat", contests,
              {{"100", "pipes, 100", "event"},
               {"1000", "pipes, 1000", "event"},
               {"5000", "pipes, 5000", "event"},
               {"9000", "pipes, 9000", "event"}});
  const std::string timers = "timers, 1000000";
  write_table(directory / "timers.dat", contests,
              {{"add", timers, "add"},
               {"cancel", timers, "cancel"},
               {"move", timers, "move"},
               {"fire", timers, "fire"}});
  write_table(directory / "turn.dat", contests,
              {{"callback", "turn, a callback adds the next", "step"}});
  write_table(directory / "memory.dat", contests,
              {{"descriptor", "memory, a watched descriptor", "memory"},
               {"timer", "memory, a pending timer", "memory"},
               {"callback", "memory, a queued callback", "memory"}});
  write_table(directory / "echo.dat", contests,
              {{"64 connections", "echo, 64 connections", "cpu"}});
}

int report(const fs::path& directory) {
  const auto results = read_results(directory);
  Page(directory / "summary.md").write(results, read_inside(directory));
  write_plot_data(directory / "plot", all_contests(results));
  return 0;
}

}  // namespace
}  // namespace tornado::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s RESULTS_DIRECTORY\n", argv[0]);
    return 2;
  }
  try {
    return tornado::bench::report(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "report: %s\n", error.what());
    return 1;
  }
}
