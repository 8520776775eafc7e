// SPDX-License-Identifier: Apache-2.0
#include "harness.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string_view>
#include <utility>

#include "isolate.h"
#include "json.h"
#include "machine.h"
#include "statistics.h"
#include "table.h"

namespace tornado::bench {
namespace {

struct Options {
  bool quick = false;
  std::size_t rounds = 5;
  std::string only;
  std::string json;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--quick") {
      options.quick = true;
    } else if (word == "--rounds" && has_value) {
      options.rounds = std::max<std::size_t>(std::strtoul(argv[++i], nullptr, 10), 1);
    } else if (word == "--only" && has_value) {
      options.only = argv[++i];
    } else if (word == "--json" && has_value) {
      options.json = argv[++i];
    } else {
      std::fprintf(stderr,
                   "usage: %s [--quick] [--rounds N] [--only TEXT] [--json F]\n",
                   argv[0]);
      std::exit(2);
    }
  }
  return options;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The contestants to run: all of a contest that is meant, or those that are.
std::vector<Contestant> chosen(const Contest& contest, const std::string& only) {
  if (contains(contest.name, only)) return contest.contestants;
  std::vector<Contestant> result;
  for (const Contestant& one : contest.contestants) {
    if (contains(one.name, only)) result.push_back(one);
  }
  return result;
}

const char* role_name(Role role) {
  return role == Role::ours ? "ours" : role == Role::floor ? "floor" : "peer";
}

const char* better_name(Better better) {
  return better == Better::lower    ? "lower"
         : better == Better::higher ? "higher"
                                    : "neither";
}

/// The median over the rounds, percentile by percentile.
std::vector<double> median_curve(const std::vector<Round>& rounds) {
  std::vector<double> result;
  for (std::size_t i = 0; i < rounds.front().curve().size(); ++i) {
    std::vector<double> values;
    for (const Round& round : rounds) values.push_back(round.curve()[i]);
    result.push_back(median(std::move(values)));
  }
  return result;
}

Json to_json(const Contestant& contestant, const std::vector<Round>& rounds,
             const std::optional<CallCount>& calls) {
  Json json = {{"name", contestant.name}, {"role", role_name(contestant.role)}};
  for (const auto& [metric, unused] : rounds.front().figures()) {
    std::vector<double> values;
    for (const Round& round : rounds) values.push_back(round.figures().at(metric));
    json["figures"][metric] = values;
  }
  if (!rounds.front().curve().empty()) json["curve"] = median_curve(rounds);
  if (calls) json["calls"] = Json(*calls);
  return json;
}

void show_progress(const std::string& workload, const std::string& what) {
  static const bool terminal = ::isatty(STDERR_FILENO) == 1;
  if (!terminal) return;
  std::fprintf(stderr, "\r\033[K%s%s", workload.c_str(), what.c_str());
  std::fflush(stderr);
}

Json hold(const Contest& contest, const std::vector<Contestant>& contestants,
          const Options& options) {
  const std::size_t n = contestants.size();
  std::vector<std::vector<Round>> rounds(n);
  for (std::size_t round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t turn = (i + round) % n;
      show_progress(contest.name, ", round " + std::to_string(round + 1) + " of " +
                                      std::to_string(options.rounds) + ": " +
                                      contestants[turn].name);
      rounds[turn].push_back(run_alone(contestants[turn], options.quick));
    }
  }
  Json json = {{"name", contest.name}, {"operation", contest.operation}};
  for (const Metric& metric : contest.metrics) {
    json["metrics"].push_back({{"name", metric.name},
                               {"unit", metric.unit},
                               {"better", better_name(metric.better)}});
  }
  for (std::size_t i = 0; i < n; ++i) {
    std::optional<CallCount> calls;
    if (!contest.operation.empty()) {
      show_progress(contest.name, ", counting: " + contestants[i].name);
      calls = count_calls(contestants[i], options.quick);
    }
    json["contestants"].push_back(to_json(contestants[i], rounds[i], calls));
  }
  show_progress("", "");
  return json;
}

Json hold_all(const Workload& workload, const Options& options) {
  Json json = {{"workload", workload.name},     {"about", workload.about},
               {"rounds", options.rounds},      {"quick", options.quick},
               {"machine", describe_machine()}, {"contests", Json::array()}};
  for (const Contest& contest : workload.contests) {
    const auto contestants = chosen(contest, options.only);
    if (contestants.empty()) continue;
    json["contests"].push_back(hold(contest, contestants, options));
    print_contest(json["contests"].back());
  }
  return json;
}

}  // namespace

std::size_t Round::times(std::size_t usual) const {
  if (counting_) return std::min<std::size_t>(usual, 1000);
  return quick_ ? usual / 50 + 1 : usual;
}

void Round::set_latencies(std::vector<double> values) {
  std::ranges::sort(values);
  figures_["p50"] = percentile(values, 50);
  figures_["p99"] = percentile(values, 99);
  curve_.clear();
  for (const double percent : curve_percents) {
    curve_.push_back(percentile(values, percent));
  }
}

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "\nwrong: %s\n", what);
  std::_Exit(1);
}

int compete(const Workload& workload, int argc, char** argv) {
  const Options options = parse(argc, argv);
  try {
    std::printf("%s\n%s\n\n", workload.name.c_str(), workload.about.c_str());
    const Json json = hold_all(workload, options);
    if (!options.json.empty()) {
      std::ofstream file(options.json);
      file << json.dump(1) << '\n';
      if (!file.flush()) throw std::runtime_error("cannot write " + options.json);
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "\n%s: %s\n", workload.name.c_str(), error.what());
    return 1;
  }
}

}  // namespace tornado::bench
