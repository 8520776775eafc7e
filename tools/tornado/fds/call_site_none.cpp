// SPDX-License-Identifier: Apache-2.0
#include "fds/call_site.h"

namespace tornado::cli {

const bool call_sites_known = false;

struct StackWalker::State {};
StackWalker::StackWalker() = default;
StackWalker::~StackWalker() = default;

CallSite StackWalker::walk(pid_t, pid_t) {
  return {};
}
void StackWalker::changed(pid_t) {}
void StackWalker::forget(pid_t, const std::string&) {}

std::vector<Place> places_of(const CallSite&) {
  return {};
}

}  // namespace tornado::cli
