// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>

#include <map>

#include "fds/trace_report.h"
#include "text/byte_text.h"

namespace tornado::cli {
namespace {

// Each origin once, and a number for it wherever it is meant.
class Origins {
 public:
  Json number(const OriginPtr& origin) {
    if (!origin) return Json::null();
    const auto found = numbers_.find(origin.get());
    if (found != numbers_.end()) return found->second;
    Json object = described(*origin);
    const std::size_t number = numbers_.size();
    numbers_[origin.get()] = number;
    object.set("id", number);
    list_.push(std::move(object));
    return number;
  }
  Json list() { return std::move(list_); }

 private:
  Json described(const Origin& origin) {
    const bool opened = origin.kind == Origin::Kind::opened;
    Json object;
    object.set("kind", opened ? "opened" : "inherited_from_caller");
    object.set("call", opened ? Json(origin.call) : Json::null());
    object.set("pid", opened ? Json(origin.pid) : Json::null());
    object.set("fd", origin.fd < 0 ? Json::null() : Json(origin.fd));
    if (opened) set_bytes(object, "program", origin.program);
    object.set("copied_from", number(origin.copied_from));
    Json site = Json::array();
    for (const auto& place : places_of(origin.site)) site.push(described(place));
    object.set("site", std::move(site));
    return object;
  }

  static Json described(const Place& place) {
    Json object;
    set_bytes(object, "module", place.module);
    object.set("address", place.address);
    object.set("function",
               place.function.empty() ? Json::null() : Json(place.function));
    object.set("offset", place.function.empty() ? Json::null() : Json(place.offset));
    object.set("file", place.file.empty() ? Json::null() : Json(place.file));
    object.set("line", place.file.empty() ? Json::null() : Json(place.line));
    return object;
  }

  std::map<const Origin*, std::size_t> numbers_ = {};
  Json list_ = Json::array();
};

Json described(const Crossing& crossing, Origins& origins) {
  const auto& d = crossing.descriptor;
  Json object;
  object.set("fd", d.number).set("kind", d.kind);
  set_bytes(object, "name", d.target);
  object.set("verdict", crossing.from_caller() ? "inherited_from_caller"
                        : crossing.given       ? "given"
                        : crossing.allowed     ? "allowed"
                                               : "leaks");
  object.set("detail",
             crossing.detail.empty() ? Json::null() : Json(printable(crossing.detail)));
  object.set("origin", origins.number(crossing.origin));
  object.set("unmarked_by", origins.number(crossing.unmarked));
  return object;
}

Json described(const Execution& execution, Origins& origins) {
  Json object;
  object.set("pid", execution.pid).set("parent", execution.parent);
  set_bytes(object, "program", execution.program);
  set_bytes(object, "executed_by", execution.executed_by);
  Json arguments = Json::array();
  for (const auto& word : execution.arguments) arguments.push(printable(word));
  object.set("arguments", std::move(arguments));
  object.set("error",
             execution.problem.empty() ? Json::null() : Json(execution.problem));
  object.set("followed", !execution.foreign_machine);
  object.set("refused_strict_seccomp", execution.refused_strict);
  Json descriptors = Json::array();
  for (const auto& crossing : execution.crossings) {
    descriptors.push(described(crossing, origins));
  }
  object.set("descriptors", std::move(descriptors));
  return object;
}

}  // namespace

Json json_report(const TraceRecord& record, const std::vector<std::string>& command) {
  Json words = Json::array();
  for (const auto& word : command) words.push(printable(word));
  const int status = record.status;
  Origins origins;
  Json processes = Json::array();
  for (const auto& execution : record.executions) {
    processes.push(described(execution, origins));
  }
  Json object;
  object.set("schema", 1).set("command", std::move(words));
  object.set("exit_status",
             WIFEXITED(status) ? Json(WEXITSTATUS(status)) : Json::null());
  object.set("signal", WIFSIGNALED(status) ? Json(WTERMSIG(status)) : Json::null());
  object.set("leaking_programs", record.leaking_executions());
  object.set("unseen_programs", record.unseen_executions());
  object.set("filtered", record.filtered).set("killed", record.ended);
  object.set("programs", std::move(processes));
  object.set("origins", origins.list());
  return object;
}

}  // namespace tornado::cli
