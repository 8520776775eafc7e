// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

namespace tornado::bench {

using Json = nlohmann::ordered_json;

}  // namespace tornado::bench
