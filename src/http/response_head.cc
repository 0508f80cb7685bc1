#include "http/response_head.h"

#include <charconv>

namespace treadle::http {
namespace {

void AppendNumber(size_t number, std::string* out) {
  char digits[20];
  out->append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void AppendHeader(std::string_view name, std::string_view value, std::string* out) {
  out->append(name).append(": ");
  for (const char c : value) out->push_back(c >= 0 && c < ' ' ? ' ' : c);
  out->append("\r\n");
}

bool HasNoBody(int status) { return status == 204 || status == 304; }

}  // namespace

void FormatResponseHead(const Response& response, const ResponseHeadOptions& options,
                        std::string* out) {
  out->assign("HTTP/1.1 ");
  AppendNumber(static_cast<size_t>(response.status), out);
  out->append(" ").append(ReasonPhrase(response.status)).append("\r\n");
  if (!response.content_type.empty()) AppendHeader("Content-Type", response.content_type, out);
  if (!HasNoBody(response.status)) {
    out->append("Content-Length: ");
    AppendNumber(response.body.size(), out);
    out->append("\r\n");
  }
  out->append("Date: ").append(options.date).append("\r\n");
  if (!options.keep_alive) out->append("Connection: close\r\n");
  if (options.keep_alive && options.is_http_1_0) out->append("Connection: keep-alive\r\n");
  for (const Header& header : response.headers) AppendHeader(header.name, header.value, out);
  out->append("\r\n");
}

}  // namespace treadle::http
