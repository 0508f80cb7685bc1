#include "json/loose.h"

#include <simdjson.h>

namespace treadle {
namespace {

namespace od = simdjson::ondemand;
using simdjson::error_code;

struct Document {
  explicit Document(std::string_view json) {
    text.reserve(json.size() + simdjson::SIMDJSON_PADDING);
    text.append(json);
  }

  error_code Find(std::string_view name, od::value* out) {
    if (const error_code error =
            parser.iterate(text.data(), text.size(), text.capacity()).get(root))
      return error;
    od::object object;
    if (const error_code error = root.get_object().get(object)) return error;
    return object.find_field_unordered(name).get(*out);
  }

  std::string text;
  od::parser parser;
  od::document root;
};

error_code RawOf(od::value value, std::string_view* raw) {
  od::json_type type;
  if (const error_code error = value.type().get(type)) return error;
  if (type == od::json_type::object) {
    od::object object;
    const error_code error = value.get_object().get(object);
    return error ? error : object.raw_json().get(*raw);
  }
  if (type == od::json_type::array) {
    od::array array;
    const error_code error = value.get_array().get(array);
    return error ? error : array.raw_json().get(*raw);
  }
  *raw = value.raw_json_token();
  return simdjson::SUCCESS;
}

}  // namespace

Result<std::vector<std::string>> RawItems(std::string_view json, std::string_view name,
                                          size_t max) {
  const std::string field(name);
  const auto wrong = [&](const std::string& what) {
    return Status(Code::kInvalidArgument, field + " " + what);
  };
  Document document(json);
  od::value value;
  const error_code found = document.Find(name, &value);
  if (found == simdjson::NO_SUCH_FIELD) return std::vector<std::string>();
  od::array array;
  if (found || value.get_array().get(array)) return wrong("must be an array");
  std::vector<std::string> items;
  for (auto each : array) {
    if (items.size() == max) return wrong("must have at most " + std::to_string(max) + " entries");
    od::value item;
    std::string_view raw;
    if (each.get(item) || RawOf(item, &raw)) return wrong("is not valid JSON");
    items.emplace_back(raw);
  }
  return items;
}

std::optional<std::string> FindText(std::string_view json, std::string_view name) {
  Document document(json);
  od::value value;
  std::string_view text;
  if (document.Find(name, &value) || value.get_string().get(text)) return std::nullopt;
  return std::string(text);
}

}  // namespace treadle
