#include "client/json_reader.h"

#include "client/wire.h"
#include "json/reader.h"
#include "json/tree.h"

namespace treadle::wire {

std::string_view RawJson(simdjson::ondemand::value value) {
  switch (value.type()) {
    case simdjson::ondemand::json_type::array:
      return TrimJson(value.get_array().value().raw_json());
    case simdjson::ondemand::json_type::object:
      return TrimJson(value.get_object().value().raw_json());
    default:
      return TrimJson(value.raw_json_token());
  }
}

std::string ReadString(simdjson::ondemand::value value) {
  return std::string(std::string_view(value.get_string()));
}

bool IsJson(std::string_view text) {
  thread_local simdjson::dom::parser parser;
  if (parser.parse(text.data(), text.size()).error() == simdjson::SUCCESS) return true;
  return !FindJsonError(text, kJsonDepthMax);
}

std::string WhyNotJson(std::string_view text, std::string_view root) {
  const std::optional<JsonError> error = FindJsonError(text, kJsonDepthMax);
  return std::string(root) + (error ? error->path : "") +
         " is not valid JSON; numbers must be finite, and text must be UTF-8";
}

std::string_view TrimJson(std::string_view text) {
  constexpr std::string_view kWhiteSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kWhiteSpace);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhiteSpace) - begin + 1);
}

}  // namespace treadle::wire
