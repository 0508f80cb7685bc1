#include "worker/stream_line.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/terminal_text.h"
#include "base/time.h"
#include "client/blob_writer.h"
#include "client/json_reader.h"
#include "client/wire.h"
#include "json/writer.h"

namespace treadle::worker {
namespace {

using simdjson::ondemand::object;
using simdjson::ondemand::value;
using std::chrono::milliseconds;

constexpr std::string_view kBytes = "application/octet-stream";
constexpr size_t kScratchKept = size_t{64} << 10;
constexpr size_t kNameColumns = 40;

// ---- to the program ----

// A line end in JSON is white space: within a string it would be escaped.
std::string OnOneLine(std::string_view json) {
  std::string line(wire::TrimJson(json));
  std::ranges::replace(line, '\n', ' ');
  std::ranges::replace(line, '\r', ' ');
  return line;
}

void WriteBlob(JsonWriter& json, std::string_view name, const std::string& data,
               const std::string& content_type) {
  if (content_type == wire::kJson && data.find_first_of("\r\n") == data.npos)
    wire::WriteBlob(json, name, data, content_type);
  else if (content_type == wire::kJson)
    json.Key(name).Raw(OnOneLine(data));
  else
    wire::WriteBlob(json, name, data, content_type);
}

void WriteSaved(JsonWriter& json, const StreamSaved& saved) {
  if (!saved.steps.empty()) json.Key("steps").Open('[');
  for (const auto& [name, result] : saved.steps) {
    json.Open('{').Key("name").Text(name);
    WriteBlob(json, "result", result.data, result.content_type);
    json.Close('}');
  }
  if (!saved.steps.empty()) json.Close(']');
  if (!saved.checkpoint) return;
  json.Key("checkpoint").Open('{');
  WriteBlob(json, "data", saved.checkpoint->data, saved.checkpoint->content_type);
  json.Close('}');
}

// ---- from the program ----

// What is wrong with a line.
struct Wrong {
  std::string why;
};

std::string Quoted(std::string_view name) {
  return "\"" + Shortened(Printable(name), kNameColumns) + "\"";
}

[[noreturn]] void Refuse(std::string why) { throw Wrong{std::move(why)}; }

template <class T>
T Read(std::string_view name, simdjson::simdjson_result<T> read, const char* what) {
  T got{};
  if (std::move(read).get(got) != simdjson::SUCCESS) Refuse(Quoted(name) + " must be " + what);
  return got;
}

std::string ReadText(std::string_view name, value field) {
  return std::string(Read(name, field.get_string(), "a string"));
}

int64_t ReadWhole(std::string_view name, value field, int64_t max) {
  const int64_t number = Read(name, field.get_int64(), "a whole number");
  if (number < 0 || number > max)
    Refuse(Quoted(name) + " must be from 0 to " + std::to_string(max));
  return number;
}

// "NAME", or "NAME_base64" with a content type.
class BlobReader {
 public:
  explicit BlobReader(std::string name) : name_(std::move(name)) {}

  /// False if the field is none of a blob's.
  bool Take(std::string_view key, value field) {
    if (key == name_) {
      json_ = wire::RawJson(field);
    } else if (key == name_ + "_base64") {
      base64_ = ReadText(key, field);
    } else if (key == "content_type") {
      content_type_ = ReadText(key, field);
    } else {
      return false;
    }
    return true;
  }
  bool has_content_type() const { return content_type_.has_value(); }
  Bytes Finish() const {
    if (json_.has_value() == base64_.has_value())
      Refuse("it needs either " + Quoted(name_) + " or " + Quoted(name_ + "_base64"));
    if (json_ && content_type_)
      Refuse("\"content_type\" goes with " + Quoted(name_ + "_base64") + " only");
    if (json_) return {*json_, std::string(wire::kJson)};
    std::optional<std::string> bytes = FromBase64(*base64_);
    if (!bytes) Refuse(Quoted(name_ + "_base64") + " must be base64 with padding");
    return {*std::move(bytes), content_type_.value_or(std::string(kBytes))};
  }

 private:
  const std::string name_;
  std::optional<std::string> json_;
  std::optional<std::string> base64_;
  std::optional<std::string> content_type_;
};

// Calls `take` for each field of the object, which returns false for one that does not belong.
template <class Take>
void ReadFields(std::string_view kind, value source, Take take) {
  std::vector<std::string> seen;
  for (auto field : Read(kind, source.get_object(), "an object")) {
    std::string key(std::string_view(field.unescaped_key()));
    if (std::ranges::find(seen, key) != seen.end()) Refuse(Quoted(key) + " appears twice");
    if (!take(std::string_view(key), field.value()))
      Refuse(Quoted(kind) + " has no field " + Quoted(key));
    seen.push_back(std::move(key));
  }
}

stream::Progress ReadProgress(value source) {
  std::optional<double> fraction;
  std::string message;
  ReadFields("progress", source, [&](std::string_view key, value field) {
    if (key == "fraction") {
      fraction = Read(key, field.get_double(), "a number");
    } else if (key == "message") {
      message = ReadText(key, field);
    } else {
      return false;
    }
    return true;
  });
  if (!fraction || !(*fraction >= 0 && *fraction <= 1))
    Refuse("\"progress\" needs a \"fraction\" from 0 to 1");
  return {*fraction, std::move(message)};
}

stream::Step ReadStep(value source) {
  std::string name;
  BlobReader result("result");
  ReadFields("step", source, [&](std::string_view key, value field) {
    if (key != "name") return result.Take(key, field);
    name = ReadText(key, field);
    return true;
  });
  if (name.empty()) Refuse("\"step\" needs a \"name\"");
  return {std::move(name), result.Finish()};
}

stream::Checkpoint ReadCheckpoint(value source) {
  BlobReader data("data");
  ReadFields("checkpoint", source,
             [&](std::string_view key, value field) { return data.Take(key, field); });
  return {data.Finish()};
}

constexpr int64_t kDelayMsMax = 315'360'000'000;  // the API's: 3650 days

Failed ReadFailed(value source) {
  Failed failed;
  ReadFields("failed", source, [&](std::string_view key, value field) {
    if (key == "code") {
      failed.code = ReadText(key, field);
    } else if (key == "message") {
      failed.message = ReadText(key, field);
    } else if (key == "retry") {
      failed.retry = Read(key, field.get_bool(), "true or false");
    } else if (key == "delay_ms") {
      failed.retry_after = milliseconds(ReadWhole(key, field, kDelayMsMax));
    } else {
      return false;
    }
    return true;
  });
  if (failed.code.empty()) Refuse("\"failed\" needs a \"code\"");
  return failed;
}

Snoozed ReadSnoozed(value source) {
  std::optional<int64_t> delay_ms;
  ReadFields("snoozed", source, [&](std::string_view key, value field) {
    if (key != "delay_ms") return false;
    delay_ms = ReadWhole(key, field, kDelayMsMax);
    return true;
  });
  if (!delay_ms) Refuse("\"snoozed\" needs a \"delay_ms\"");
  return {milliseconds(*delay_ms)};
}

Discarded ReadDiscarded(value source) {
  Discarded discarded;
  ReadFields("discarded", source, [&](std::string_view key, value field) {
    if (key == "code") {
      discarded.code = ReadText(key, field);
    } else if (key == "message") {
      discarded.reason = ReadText(key, field);
    } else {
      return false;
    }
    return true;
  });
  return discarded;
}

// The fields of one line. One of them says what kind of line it is.
class LineReader {
 public:
  void Take(std::string_view key, value field) {
    if (key == "task") {
      line_.task = ReadText(key, field);
      if (line_.task.empty()) Refuse("\"task\" must not be empty");
    } else if (result_.Take(key, field)) {
      if (key != "content_type") IsOf("result");
    } else if (key == "ready") {
      Is(key, stream::Ready{ReadWhole(key, field, 1'000'000)});
    } else if (key == "log") {
      Is(key, stream::Log{ReadText(key, field)});
    } else if (key == "progress") {
      Is(key, ReadProgress(field));
    } else if (key == "step") {
      Is(key, ReadStep(field));
    } else if (key == "checkpoint") {
      Is(key, ReadCheckpoint(field));
    } else {
      TakeEnd(key, field);
    }
  }
  StreamLine Finish() {
    if (kind_ == "result") {
      Bytes result = result_.Finish();
      line_.what = stream::End{Completed{std::move(result.data), std::move(result.content_type)}};
    } else if (result_.has_content_type()) {
      Refuse("\"content_type\" goes with \"result_base64\" only");
    }
    if (kind_.empty()) Refuse(R"(it has no field that says what it is, such as "result")");
    return std::move(line_);
  }

 private:
  void TakeEnd(std::string_view key, value field) {
    if (key == "failed") {
      Is(key, stream::End{ReadFailed(field)});
    } else if (key == "snoozed") {
      Is(key, stream::End{ReadSnoozed(field)});
    } else if (key == "discarded") {
      Is(key, stream::End{ReadDiscarded(field)});
    } else if (key == "released") {
      if (!Read(key, field.get_bool(), "true")) Refuse("\"released\" must be true");
      Is(key, stream::End{Released{}});
    } else {
      Refuse("unknown field " + Quoted(key));
    }
  }
  template <class What>
  void Is(std::string_view kind, What what) {
    IsOf(kind);
    line_.what = std::move(what);
  }
  void IsOf(std::string_view kind) {
    if (kind_ == kind) Refuse(Quoted(kind) + " appears twice");
    if (!kind_.empty()) Refuse("it has both " + Quoted(kind_) + " and " + Quoted(kind));
    kind_ = kind;
  }

  BlobReader result_{"result"};
  std::string kind_;
  StreamLine line_{.what = stream::Log{}};
};

// Both keep their memory from line to line, but for what a long one has needed.
struct Scratch {
  std::string text;
  simdjson::ondemand::parser parser;
};

StreamLine ReadLine(std::string_view line, Scratch* scratch) {
  if (!wire::IsJson(line)) Refuse("it is not JSON");
  scratch->text.assign(line);
  scratch->text.reserve(line.size() + simdjson::SIMDJSON_PADDING);
  simdjson::ondemand::document document =
      scratch->parser.iterate(scratch->text.data(), scratch->text.size(), scratch->text.capacity());
  object root;
  if (document.get_object().get(root) != simdjson::SUCCESS) Refuse("it is not a JSON object");
  LineReader reader;
  for (auto field : root) {
    const std::string key(std::string_view(field.unescaped_key()));
    reader.Take(key, field.value());
  }
  return reader.Finish();
}

}  // namespace

std::string StreamHello(std::string_view type) {
  std::string line;
  JsonWriter json(&line);
  json.Open('{').Key("stream").Number(kStreamVersion).Key("type").Text(type).Close('}');
  return line.append(1, '\n');
}

std::string StreamTask(const Task& task, std::optional<milliseconds> timeout,
                       const StreamSaved& saved) {
  std::string line;
  line.reserve(task.payload.size() + 512);
  JsonWriter json(&line);
  json.Open('{').Key("task").Text(task.id).Key("type").Text(task.type);
  json.Key("queue").Text(task.queue).Key("attempt").Number(task.attempt);
  json.Key("max_attempts").Number(task.max_attempts);
  if (task.enqueued_at_ms != 0) json.Key("enqueued_at").Text(FormatWallTime({task.enqueued_at_ms}));
  if (timeout) json.Key("timeout_ms").Number(std::max<int64_t>(timeout->count(), 0));
  if (task.deadline_at_ms != 0) json.Key("deadline").Text(FormatWallTime({task.deadline_at_ms}));
  if (task.contract_version != 0) json.Key("contract_version").Number(task.contract_version);
  if (task.sensitive) json.Key("sensitive").Flag(true);
  if (!task.traceparent.empty()) json.Key("traceparent").Text(task.traceparent);
  WriteBlob(json, "payload", task.payload, task.content_type);
  if (task.content_type == wire::kJson) json.Key("content_type").Text(task.content_type);
  WriteSaved(json, saved);
  json.Close('}');
  return line.append(1, '\n');
}

std::string StreamAnswer(const Status& saved) {
  std::string line;
  JsonWriter json(&line);
  json.Open('{').Key("saved").Flag(saved.ok());
  if (!saved.ok()) {
    json.Key("error").Open('{').Key("code").Text(CodeName(saved.code()));
    json.Key("message").Text(saved.message()).Close('}');
  }
  json.Close('}');
  return line.append(1, '\n');
}

Result<StreamLine> ParseStreamLine(std::string_view line) {
  thread_local Scratch scratch;
  Result<StreamLine> read = Status(Code::kInvalidArgument, "");
  try {
    read = ReadLine(line, &scratch);
  } catch (const Wrong& wrong) {
    read = InvalidArgument(wrong.why);
  } catch (const simdjson::simdjson_error& error) {
    read = InvalidArgument(std::string("it cannot be read: ") + error.what());
  }
  if (scratch.text.capacity() > kScratchKept) scratch = Scratch();
  return read;
}

}  // namespace treadle::worker
