// SPDX-License-Identifier: Apache-2.0
// What the user defined is still defined as it was.
#pragma once

#include <string_view>

#define TORNADO_TEXT_OF(...) #__VA_ARGS__
#define TORNADO_EXPANDED(...) TORNADO_TEXT_OF(__VA_ARGS__)

static_assert(std::string_view(TORNADO_EXPANDED(fileno(0))) == "hostile fileno");
static_assert(std::string_view(TORNADO_EXPANDED(min(0, 0))) == "hostile min");
static_assert(std::string_view(TORNADO_EXPANDED(max(0, 0))) == "hostile max");
static_assert(std::string_view(TORNADO_EXPANDED(ERROR)) == "hostile ERROR");
static_assert(std::string_view(TORNADO_EXPANDED(None)) == "hostile None");
static_assert(std::string_view(TORNADO_EXPANDED(signals)) == "hostile signals");
