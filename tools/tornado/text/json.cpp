// SPDX-License-Identifier: Apache-2.0
#include "text/json.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace tornado::cli {

// The only file that includes the JSON library, which is slow to compile.
struct Json::Node {
  nlohmann::ordered_json value;
};

Json::Json(std::unique_ptr<Node> node) noexcept : node_(std::move(node)) {}
Json::Json() : Json(std::make_unique<Node>(Node{nlohmann::ordered_json::object()})) {}
Json::Json(bool value) : Json(std::make_unique<Node>(Node{value})) {}
Json::Json(double value) : Json(std::make_unique<Node>(Node{value})) {}
Json::Json(Integer value) : Json(std::make_unique<Node>(Node{value.value})) {}
Json::Json(std::string_view value) : Json(std::make_unique<Node>(Node{value})) {}
Json::Json(const std::string& value) : Json(std::string_view(value)) {}
Json::Json(const char* value) : Json(std::string_view(value)) {}
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(Json&&) noexcept = default;
Json::~Json() = default;

Json Json::array() {
  return Json(std::make_unique<Node>(Node{nlohmann::ordered_json::array()}));
}

Json Json::null() {
  return Json(std::make_unique<Node>(Node{nullptr}));
}

Json& Json::set(std::string_view key, Json value) {
  node_->value[std::string(key)] = std::move(value.node_->value);
  return *this;
}

Json& Json::push(Json value) {
  node_->value.push_back(std::move(value.node_->value));
  return *this;
}

std::string Json::text() const {
  using Handler = nlohmann::ordered_json::error_handler_t;
  return node_->value.dump(2, ' ', false, Handler::replace) + "\n";
}

}  // namespace tornado::cli
