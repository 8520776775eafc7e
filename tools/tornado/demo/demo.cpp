// SPDX-License-Identifier: Apache-2.0
#include "demo/demo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "command.h"
#include "system/interrupt.h"
#include "system/machine.h"
#include "text/table.h"
#include "text/words.h"
#include "tornado/time.h"

namespace tornado::cli {
namespace {

using std::chrono::nanoseconds;

struct DemoOptions {
  std::string seconds = "10";
  std::string poller;
};

struct Act {
  const char* name;
  const char* title;
  Part (*play)(Stage&);
};

constexpr std::array<Act, 4> acts = {{
    {"wake", "threads and a signal handler post callbacks to a loop", demo_wakes},
    {"timers", "callbacks at random times, never early, in order", demo_timers},
    {"children", "what children inherit while other threads open pipes", demo_children},
    {"fork", "a forked child meets the loop of its parent", demo_fork},
}};

nanoseconds length_of(const DemoOptions& options) {
  const auto length = parse_duration(options.seconds);
  if (!length) {
    throw UsageError(fmt::format(
        "--seconds {}: not a duration, such as 10, 2.5 or 500ms", options.seconds));
  }
  if (*length < std::chrono::milliseconds(100) || *length > std::chrono::hours(1)) {
    throw UsageError(
        fmt::format("--seconds {}: it takes from 0.1 to 3600", options.seconds));
  }
  return *length;
}

// The requested ones; by default all that work here.
std::vector<PollerKind> pollers_of(const DemoOptions& options) {
  const auto kinds = poller_kinds();
  const auto names = names_of(kinds);
  LoopOptions loop;
  loop.waker = working_waker().value_or(WakerKind::best);
  std::vector<PollerKind> chosen;
  for (const PollerKind kind : kinds) {
    const bool asked = options.poller == to_string(kind);
    if (!asked && !options.poller.empty()) continue;
    loop.poller = kind;
    const Trial trial = try_loop(std::string(to_string(kind)), loop);
    if (trial.works()) chosen.push_back(kind);
    if (asked && !trial.works()) {
      throw UsageError(fmt::format("--poller {}: {}", options.poller, trial.error));
    }
  }
  if (!chosen.empty()) return chosen;
  if (options.poller.empty()) throw UsageError("no poller works; see tornado doctor");
  throw UsageError(fmt::format("--poller {}: no such poller{}", options.poller,
                               hint(options.poller, names)));
}

// The rest of the demo goes on when a part could not be played at all.
Part play(const Act& act, Stage& stage) {
  try {
    return act.play(stage);
  } catch (const ReaderGone&) {
    throw;
  } catch (const NotTried& reason) {
    Part part;
    part.not_tried = reason.what();
    return part;
  } catch (const std::exception& error) {
    Part part;
    part.verdict.expect(false, error.what());
    return part;
  }
}

std::string word_of(const Output& out, const Part& part) {
  if (!part.verdict.held()) {
    return fmt::format("{}: {}", out.paint(Tone::bad, "BROKEN"), part.verdict.why());
  }
  if (!part.not_tried.empty()) return "not tried: " + part.not_tried;
  return out.paint(Tone::good, "held") +
         (interrupted() ? ", until it was interrupted" : "");
}

std::string defaults(const Choice& poller, const Choice& waker) {
  auto one = [](const char* what, const Choice& choice, auto names) {
    std::erase(names, choice.name);
    return fmt::format("{} {} (also: {})", what,
                       choice.name.empty() ? "none" : choice.name,
                       fmt::join(names, " "));
  };
  return one("poller", poller, names_of(poller_kinds())) + "  " +
         one("waker", waker, names_of(waker_kinds()));
}

struct Ending {
  std::vector<Part> parts;
  System system = this_system();
  Choice poller = default_poller();
  Choice waker = default_waker();
  nanoseconds took{0};

  [[nodiscard]] bool held() const {
    return std::all_of(parts.begin(), parts.end(),
                       [](const Part& part) { return part.verdict.held(); });
  }
  [[nodiscard]] bool tried_all() const {
    return std::all_of(parts.begin(), parts.end(),
                       [](const Part& part) { return part.not_tried.empty(); });
  }
  [[nodiscard]] int status() const {
    if (!held()) return exit_broken;
    return interrupted() ? exit_interrupted : exit_ok;
  }
};

void print_ending(Output& out, const Ending& ending) {
  out.print("{}\n{}\n", out.paint(Tone::title, identity(ending.system)),
            defaults(ending.poller, ending.waker));
  std::size_t number = 0;
  for (const auto& part : ending.parts) {
    out.print("{}  {:<9} {}\n", ++number, part.name,
              part.summary.empty() || !part.verdict.held() ? word_of(out, part)
                                                           : part.summary);
  }
  const auto took = short_time(ending.took);
  if (!ending.held()) {
    out.print("{}: something did not hold.  {}\n", out.paint(Tone::bad, "BROKEN"),
              took);
  } else if (interrupted()) {
    out.print("Interrupted after {}; what was tried held.\n", took);
  } else {
    const char* held = ending.tried_all() ? "Everything held." : "What was tried held.";
    out.print("{}  {}\n", out.paint(Tone::good, held), took);
    out.print("Next: tornado doctor\n");
  }
}

Json json_of(Ending& ending) {
  Json object;
  object.set("schema", 1).set("version", TORNADO_VERSION);
  object.set("held", ending.held()).set("interrupted", interrupted());
  object.set("took_ns", ending.took.count());
  object.set("kernel", ending.system.kernel).set("machine", ending.system.machine);
  object.set("compiler", ending.system.compiler).set("processors", ending.system.cpus);
  object.set("default_poller", ending.poller.name);
  object.set("default_waker", ending.waker.name);
  Json parts;
  for (auto& part : ending.parts) {
    Json one;
    one.set("held", part.verdict.held());
    one.set("tried", part.not_tried.empty());
    const std::string& why =
        part.not_tried.empty() ? part.verdict.why() : part.not_tried;
    one.set("why", why.empty() ? Json::null() : Json(why));
    one.set("figures", std::move(part.figures));
    parts.set(part.name, std::move(one));
  }
  object.set("parts", std::move(parts));
  return object;
}

// A variable that names nothing would spoil what the demo says of the default.
void check(const Choice& choice, const std::vector<std::string>& names) {
  if (choice.error.empty()) return;
  const bool unknown =
      std::find(names.begin(), names.end(), choice.wanted) == names.end();
  throw UsageError(choice.error + (unknown && !choice.wanted.empty()
                                       ? hint(choice.wanted, names)
                                       : std::string()));
}

int demo(const Context& context, const DemoOptions& options) {
  Output& out = context.out;
  const bool shown = !context.json && !context.quiet;
  Output nowhere(out.terminal());
  Output& hall = shown ? out : nowhere;
  Ending ending;
  check(ending.poller, names_of(poller_kinds()));
  check(ending.waker, names_of(waker_kinds()));
  const CatchInterrupts catching;
  Progress progress(!context.quiet);
  const TimePoint began = Clock::now();
  Stage stage{hall, progress, pollers_of(options), length_of(options)};
  for (const Act& act : acts) {
    if (interrupted()) break;
    hall.print("{}  {}\n", ending.parts.size() + 1,
               out.paint(Tone::title, fmt::format("{:<9} {}", act.name, act.title)));
    if (shown) out.flush();
    Part part = play(act, stage);
    part.name = act.name;
    progress.clear();
    hall.print("  {}\n\n", word_of(out, part));
    if (shown) out.flush();
    ending.parts.push_back(std::move(part));
  }
  ending.took = Clock::now() - began;
  const int status = ending.status();
  if (context.json) {
    out.write(json_of(ending).text());
  } else {
    print_ending(out, ending);
  }
  return status;
}

}  // namespace

Command demo_command() {
  auto options = std::make_shared<DemoOptions>();
  Command command;
  command.name = "demo";
  command.summary = "shows the library with real threads, signals and children";
  command.usage = {"tornado demo [OPTIONS]"};
  command.examples = {{"tornado demo", "every part, in about ten seconds"},
                      {"tornado demo --seconds 2 --quiet", "only the closing lines"},
                      {"tornado demo --poller epoll", "only one poller"},
                      {"tornado demo --json", "every figure, as one object"}};
  command.options = {
      {"--seconds", "N", "approximate duration (default 10)", &options->seconds},
      {"--poller", "NAME", listed(names_of(poller_kinds()), "or"), &options->poller}};
  command.json_help = "print one object, whose \"schema\" is 1";
  command.quiet_help = "print only the closing lines";
  command.notes =
      "The demo uses loopback and temporary pipes, and leaves nothing behind.\n"
      "Exit status: 0 everything held, 1 something did not, 2 bad input, 130 Ctrl-C.\n";
  command.run = [options](const Context& context) { return demo(context, *options); };
  return command;
}

}  // namespace tornado::cli
