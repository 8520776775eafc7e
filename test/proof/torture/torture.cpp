// SPDX-License-Identifier: Apache-2.0
// Runs each scenario once for each way in which each of its calls may fail, and under
// each limit.

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <random>

#include "testing/fault_calls.h"
#include "testing/fault_ledger.h"
#include "tornado/log.h"
#include "workers.h"

namespace tornado::torture {
namespace {

using faults::calls;

struct Wanted {
  std::string scenario;
  std::string fault;
  std::string limit;
  std::string call;
  std::size_t points = 0;
  std::uint64_t seed = std::random_device{}();
  unsigned jobs = 16;
  bool list = false;
};

// A call that is made while it waits for others may be made any number of times. Of
// more than these the seed chooses every second, third and so on.
constexpr std::uint32_t most_of_one_call = 600;

void add_faults(std::vector<Trial>& trials, const Scenario& scenario, std::size_t call,
                std::uint32_t count, std::uint64_t seed) {
  const std::uint32_t step = 1 + (count - std::min(count, 1U)) / most_of_one_call;
  const auto first = static_cast<std::uint32_t>(1 + seed % step);
  for (std::uint32_t nth = first; nth <= count; nth += step) {
    for (const int error : calls[call].errors) {
      if (error == 0) break;
      for (const bool for_ever : {false, true}) {
        trials.push_back({&scenario, {calls[call].name, error, nth, for_ever}, {}});
      }
    }
  }
}

void shuffle(std::vector<Trial>& trials, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (std::size_t i = trials.size(); i > 1; --i) {
    std::swap(trials[i - 1], trials[random() % i]);
  }
}

int run_many(const std::vector<Scenario>& all, const Wanted& wanted) {
  const auto begin = std::chrono::steady_clock::now();
  std::size_t bad = 0;
  std::vector<Trial> trials;
  const auto counts = count_calls(all, wanted.jobs, bad);
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t call = 0; call < calls.size(); ++call) {
      if (!wanted.call.empty() && wanted.call != calls[call].name) continue;
      add_faults(trials, all[i], call, counts[i][call], wanted.seed);
    }
  }
  const std::size_t faults = trials.size();
  for (const Scenario& scenario : all) {
    if (!wanted.call.empty()) break;
    for (const Limit& limit : limits()) trials.push_back({&scenario, {}, limit});
  }
  std::cout << all.size() << " scenarios, " << faults << " fault points, "
            << trials.size() - faults << " under limits, seed " << wanted.seed
            << std::endl;
  // Also when all are run: trials that wait are spread out.
  shuffle(trials, wanted.seed);
  if (wanted.points > 0) trials.resize(std::min(trials.size(), wanted.points));
  const Tally tally = run_all(trials, wanted.jobs);
  std::cout << trials.size() << " run:";
  for (std::size_t i = 0; i < verdict_count; ++i) {
    std::cout << " " << tally.verdicts[i] << " " << name_of(static_cast<Verdict>(i));
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  std::cout << "; " << tally.bad << " bad, in " << time.count() << " s" << std::endl;
  return bad + tally.bad == 0 ? 0 : 1;
}

int run_one_each(const std::vector<Scenario>& all, const Wanted& wanted) {
  faults::open_ledger();
  const Fault fault = wanted.fault.empty() ? Fault{} : parse_fault(wanted.fault);
  const Limit limit = wanted.limit.empty() ? Limit{} : parse_limit(wanted.limit);
  bool good = true;
  for (const Scenario& scenario : all) {
    const Judgement judgement = judge({&scenario, fault, limit});
    good = good && !judgement.bad;
    std::cout << scenario.name << ": " << name_of(judgement.verdict) << ": "
              << judgement.text << "\n";
  }
  return good ? 0 : 1;
}

int run(const Wanted& wanted) {
  constexpr rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  set_log_sink([](LogLevel, std::string_view) noexcept {});
  std::vector<Scenario> all = scenarios();
  std::erase_if(all, [&](const Scenario& scenario) {
    return !scenario.name.starts_with(wanted.scenario);
  });
  if (wanted.list) {
    for (const Scenario& scenario : all) std::cout << scenario.name << "\n";
    return 0;
  }
  const bool one = !wanted.fault.empty() || !wanted.limit.empty();
  return one ? run_one_each(all, wanted) : run_many(all, wanted);
}

}  // namespace
}  // namespace tornado::torture

int main(int argc, char** argv) {
  tornado::torture::Wanted wanted;
  CLI::App app("Each call fails once, and from then on, in each way that it may");
  app.add_option("--scenario", wanted.scenario, "Those whose names begin so");
  app.add_option("--fault", wanted.fault, "One, as it was printed");
  app.add_option("--limit", wanted.limit, "One, as it was printed");
  app.add_option("--call", wanted.call, "Failures of this one only");
  app.add_option("--points", wanted.points, "As many, chosen by the seed; 0: all");
  app.add_option("--seed", wanted.seed, "Of the choice");
  app.add_option("--jobs", wanted.jobs, "Processes; most of them wait")
      ->check(CLI::PositiveNumber);
  app.add_flag("--list", wanted.list, "The names of the scenarios");
  CLI11_PARSE(app, argc, argv);
  return tornado::torture::run(wanted);
}
