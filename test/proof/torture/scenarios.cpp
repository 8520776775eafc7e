// SPDX-License-Identifier: Apache-2.0
#include "scenarios.h"

namespace tornado::torture {
namespace {

void add(std::vector<Scenario>& all, const Family& family) {
  const auto pollers = family.pollers ? poller_kinds() : std::vector{PollerKind::best};
  const auto wakers = family.wakers ? waker_kinds() : std::vector{WakerKind::best};
  for (const PollerKind poller : pollers) {
    for (const WakerKind waker : wakers) {
      std::string name = family.name;
      if (family.pollers) name.append("/").append(to_string(poller));
      if (family.wakers) name.append("/").append(to_string(waker));
      all.push_back({std::move(name), family.run, {poller, waker}});
    }
  }
}

}  // namespace

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const auto& families :
       {loop_scenarios(), thread_scenarios(), process_scenarios(), stream_scenarios(),
        task_scenarios()}) {
    for (const Family& family : families) add(all, family);
  }
  return all;
}

}  // namespace tornado::torture
