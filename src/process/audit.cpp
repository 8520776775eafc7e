// SPDX-License-Identifier: Apache-2.0
#include "tornado/audit.h"

#include <algorithm>

namespace tornado {

std::string to_string(const DescriptorInfo& descriptor) {
  std::string text = std::to_string(descriptor.number) + " " + descriptor.kind + " " +
                     descriptor.target;
  if (!descriptor.owner.empty()) text += " (" + descriptor.owner + ")";
  return text;
}

std::string to_string(const std::vector<DescriptorInfo>& descriptors) {
  std::string text;
  for (const DescriptorInfo& descriptor : descriptors) {
    text += to_string(descriptor) + "\n";
  }
  return text;
}

std::vector<DescriptorInfo> leaks_on_exec() {
  constexpr NativeFd last_stream = 2;
  std::vector<DescriptorInfo> result = audit_descriptors();
  std::erase_if(result, [](const DescriptorInfo& descriptor) {
    return descriptor.close_exec || descriptor.number <= last_stream;
  });
  return result;
}

std::vector<DescriptorInfo> LeakScope::leaks() const {
  std::vector<DescriptorInfo> result = leaks_on_exec();
  std::erase_if(result, [this](const DescriptorInfo& now) {
    return std::any_of(before_.begin(), before_.end(), [&now](const auto& then) {
      return then.number == now.number && then.target == now.target;
    });
  });
  return result;
}

}  // namespace tornado
