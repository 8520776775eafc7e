// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>

#include "command.h"
#include "doctor/probes.h"
#include "system/machine.h"
#include "text/json.h"
#include "text/table.h"
#include "text/words.h"

namespace tornado::cli {
namespace {

struct Findings {
  System system;
  Choice poller;
  Choice waker;
  Trial both;  ///< a loop with both defaults
  std::vector<Trial> pollers;
  std::vector<Trial> wakers;
  std::vector<Feature> features;
  std::vector<Limit> limits;
};

Findings examine() {
  Findings f;
  f.features = kernel_features();  // first, while there is one thread
  f.system = this_system();
  f.poller = default_poller();
  f.waker = default_waker();
  f.both = try_loop("default", {});
  f.limits = limits();
  LoopOptions options;
  options.waker = working_waker().value_or(waker_kinds().front());
  for (const PollerKind kind : poller_kinds()) {
    options.poller = kind;
    f.pollers.push_back(try_loop(std::string(to_string(kind)), options));
  }
  const auto working = std::find_if(f.pollers.begin(), f.pollers.end(),
                                    [](const Trial& t) { return t.works(); });
  const auto index = working == f.pollers.end() ? 0 : working - f.pollers.begin();
  options.poller = poller_kinds()[static_cast<std::size_t>(index)];
  for (const WakerKind kind : waker_kinds()) {
    options.waker = kind;
    f.wakers.push_back(try_loop(std::string(to_string(kind)), options));
  }
  return f;
}

Cell verdict(const std::string& error) {
  if (error.empty()) return {"ok", Tone::good};
  if (error.starts_with("not tried")) return {error, Tone::bad};
  return {"missing: " + error, Tone::bad};
}

void print_trials(Output& out, const char* title, const std::vector<Trial>& trials,
                  const Choice& choice) {
  out.print("\n{}\n", out.paint(Tone::title, title));
  Table table({Align::left, Align::left, Align::left});
  for (const auto& trial : trials) {
    std::string note;
    if (trial.works()) note = "woken in " + short_time(trial.woken_after);
    if (trial.name == choice.name) note += "; the default";
    table.add({trial.name, verdict(trial.error), {note, Tone::note}});
  }
  table.print(out);
}

void print_features(Output& out, const std::vector<Feature>& features) {
  out.print("\n{}\n", out.paint(Tone::title, "Kernel"));
  Table table({Align::left, Align::left, Align::left});
  for (const auto& feature : features) {
    table.add({feature.name, verdict(feature.error), {feature.use, Tone::note}});
  }
  table.print(out);
}

void print_limits(Output& out, const Findings& f) {
  out.print("\n{}\n", out.paint(Tone::title, "Limits"));
  Table table({Align::left, Align::right, Align::left});
  table.add({"processors", std::to_string(f.system.cpus), ""});
  for (const auto& limit : f.limits) {
    const auto value = limit.value < 0
                           ? std::string("unlimited")
                           : with_commas(static_cast<std::uint64_t>(limit.value));
    table.add({limit.name, value, {limit.note, Tone::note}});
  }
  table.print(out);
}

std::vector<std::string> names(const std::vector<Trial>& trials) {
  std::vector<std::string> list;
  for (const auto& trial : trials) list.push_back(trial.name);
  return list;
}

// A wrong variable deserves the right word.
std::string why(const Choice& choice, const std::vector<Trial>& known) {
  std::string text = choice.reason();
  const auto list = names(known);
  const bool unknown = !choice.wanted.empty() &&
                       std::find(list.begin(), list.end(), choice.wanted) == list.end();
  if (unknown) text += hint(choice.wanted, list);
  return text;
}

void print_default(Output& out, const Findings& f) {
  out.print("{}\n", out.paint(Tone::title, "Default"));
  Table table({Align::left, Align::left, Align::left});
  auto add = [&](const char* what, const Choice& choice, const auto& known) {
    const bool good = choice.error.empty();
    table.add({what,
               {good ? choice.name : "none", good ? Tone::plain : Tone::bad},
               {why(choice, known), good ? Tone::note : Tone::plain}});
  };
  add("poller", f.poller, f.pollers);
  add("waker", f.waker, f.wakers);
  table.print(out);
  if (f.both.works()) {
    out.print("  {}: a loop with both was woken by another thread in {}\n",
              out.paint(Tone::good, "ok"), short_time(f.both.woken_after));
  } else {
    out.print("  {}: {}\n", out.paint(Tone::bad, "BROKEN"), f.both.error);
  }
}

Json json_of(const Trial& trial, const Choice& choice) {
  Json object;
  object.set("name", trial.name).set("works", trial.works());
  object.set("default", trial.name == choice.name);
  object.set("error", trial.works() ? Json::null() : Json(trial.error));
  object.set("wake_ns", trial.works() ? Json(trial.woken_after.count()) : Json::null());
  return object;
}

Json json_of(const Choice& choice, const std::vector<Trial>& known) {
  Json object;
  object.set("name", choice.name.empty() ? Json::null() : Json(choice.name));
  object.set("variable", choice.variable);
  object.set("value", choice.wanted.empty() ? Json::null() : Json(choice.wanted));
  object.set("reason", why(choice, known));
  return object;
}

Json json_of(const Findings& f) {
  Json object;
  object.set("schema", 1).set("version", TORNADO_VERSION);
  object.set("works", f.both.works());
  object.set("error", f.both.works() ? Json::null() : Json(f.both.error));
  Json system;
  system.set("kernel", f.system.kernel).set("machine", f.system.machine);
  system.set("libc", f.system.libc).set("compiler", f.system.compiler);
  system.set("processors", f.system.cpus);
  object.set("system", std::move(system));
  Json chosen;
  chosen.set("poller", json_of(f.poller, f.pollers));
  chosen.set("waker", json_of(f.waker, f.wakers));
  object.set("default", std::move(chosen));
  Json pollers = Json::array();
  for (const auto& trial : f.pollers) pollers.push(json_of(trial, f.poller));
  Json wakers = Json::array();
  for (const auto& trial : f.wakers) wakers.push(json_of(trial, f.waker));
  object.set("pollers", std::move(pollers)).set("wakers", std::move(wakers));
  Json features = Json::array();
  for (const auto& feature : f.features) {
    Json one;
    one.set("name", feature.name).set("works", feature.works());
    one.set("error", feature.works() ? Json::null() : Json(feature.error));
    features.push(std::move(one));
  }
  object.set("kernel", std::move(features));
  Json values;
  for (const auto& limit : f.limits) {
    values.set(limit.key, limit.value < 0 ? Json::null() : Json(limit.value));
  }
  object.set("limits", std::move(values));
  return object;
}

int doctor(const Context& context) {
  const Findings f = examine();
  Output& out = context.out;
  if (context.json) {
    out.write(json_of(f).text());
  } else if (context.quiet) {
    print_default(out, f);
  } else {
    out.print("{}  {}\n", out.paint(Tone::title, identity(f.system)), f.system.libc);
    print_trials(out, "Pollers", f.pollers, f.poller);
    print_trials(out, "Wakers", f.wakers, f.waker);
    print_features(out, f.features);
    print_limits(out, f);
    out.print("\n");
    print_default(out, f);
  }
  return f.both.works() ? exit_ok : exit_broken;
}

}  // namespace

Command doctor_command() {
  Command command;
  command.name = "doctor";
  command.summary = "tests what works on this machine, and names the default";
  command.usage = {"tornado doctor [OPTIONS]"};
  command.examples = {
      {"tornado doctor", "a table"},
      {"tornado doctor --json", "one object, for scripts"},
      {"TORNADO_POLLER=poll tornado doctor", "the default with this variable"}};
  command.json_help = "print one object, whose \"schema\" is 1";
  command.quiet_help = "print only the default";
  command.notes =
      "A thread wakes a loop with each poller and each waker. Each feature of the\n"
      "kernel is used once.\n"
      "Exit status: 0 the default works, 1 it does not, 2 bad input.\n";
  command.run = doctor;
  return command;
}

}  // namespace tornado::cli
