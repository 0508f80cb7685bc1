#include "api/attempt_in.h"

#include <algorithm>
#include <utility>

#include "api/blob.h"
#include "api/text_in.h"
#include "model/limits.h"

namespace treadle::api {
namespace {

struct StepIn {
  std::string name;
  BlobIn result;
};

constexpr JsonField<StepIn> kStepFields[] = {
    {"name", [](JsonValue v,
                StepIn* in) { return ReadPrintable(v, 1, limits::kStepNameBytes, &in->name); }},
    {"result", [](JsonValue v, StepIn* in) { return ReadBlobJson(v, &in->result); }},
    {"result_base64", [](JsonValue v, StepIn* in) { return ReadBlobBase64(v, &in->result); }},
    {"content_type", [](JsonValue v, StepIn* in) { return ReadBlobType(v, &in->result); }},
};

constexpr JsonField<BlobIn> kCheckpointFields[] = {
    {"data", ReadBlobJson},
    {"data_base64", ReadBlobBase64},
    {"content_type", ReadBlobType},
};

Result<SavedBytes> Keep(BlobIn in, std::string_view name, const JsonPath& path) {
  TREADLE_ASSIGN_OR_RETURN(Blob blob, Finish(std::move(in), name, path));
  TREADLE_RETURN_IF_ERROR(CheckContentType(blob, path));
  return SavedBytes{std::move(blob.bytes), std::move(blob.content_type)};
}

Status ReadStep(JsonValue value, TaskSaved* saved) {
  StepIn in;
  const JsonPath& path = value.path();
  TREADLE_RETURN_IF_ERROR(ReadObject(value, kStepFields, &in));
  if (in.name.empty()) return WrongField(path, "name", "is missing");
  TREADLE_ASSIGN_OR_RETURN(SavedBytes result, Keep(std::move(in.result), "result", path));
  if (!saved->steps.emplace(std::move(in.name), std::move(result)).second)
    return WrongField(path, "name", "comes twice");
  return {};
}

Status ReadCheckpoint(JsonValue value, TaskSaved* saved) {
  BlobIn in;
  const JsonPath& path = value.path();
  TREADLE_RETURN_IF_ERROR(ReadObject(value, kCheckpointFields, &in));
  TREADLE_ASSIGN_OR_RETURN(saved->checkpoint, Keep(std::move(in), "data", path));
  return {};
}

constexpr JsonField<Progress> kProgressFields[] = {
    {"fraction",
     [](JsonValue v, Progress* progress) {
       TREADLE_ASSIGN_OR_RETURN(progress->fraction, v.Fraction());
       return Status::Ok();
     }},
    {"message",
     [](JsonValue v, Progress* progress) {
       return ReadPrintable(v, 0, limits::kProgressMessageBytes, &progress->message);
     }},
};

constexpr JsonField<LogText> kLogFields[] = {
    {"offset",
     [](JsonValue v, LogText* log) { return ReadWhole(v, 0, limits::kLogBytes, &log->offset); }},
    {"text",
     [](JsonValue v, LogText* log) {
       TREADLE_RETURN_IF_ERROR(ReadText(v, &log->text));
       std::ranges::replace(log->text, '\0', ' ');  // SQL text would end there
       return Status::Ok();
     }},
};

constexpr JsonField<AttemptIn> kAttemptFields[] = {
    {"progress",
     [](JsonValue v, AttemptIn* in) {
       return ReadObject(v, kProgressFields, &in->progress.emplace());
     }},
    {"checkpoint", [](JsonValue v, AttemptIn* in) { return ReadCheckpoint(v, &in->save.saved); }},
    {"steps",
     [](JsonValue v, AttemptIn* in) {
       return v.Each(limits::kSteps,
                     [in](size_t, JsonValue each) { return ReadStep(each, &in->save.saved); });
     }},
    {"log", [](JsonValue v, AttemptIn* in) { return ReadLogText(v, &in->save.log); }},
};

}  // namespace

Status ReadLogText(JsonValue value, std::optional<LogText>* log) {
  return ReadObject(value, kLogFields, &log->emplace());
}

Result<AttemptIn> ReadAttempt(std::string* body) {
  AttemptIn in;
  TREADLE_RETURN_IF_ERROR(ParseJson(body, "the request body", [&](JsonValue value) {
    return ReadObject(value, kAttemptFields, &in);
  }));
  if (in.save.empty() && !in.progress)
    return Status(Code::kInvalidArgument,
                  "the request body is empty: name progress, checkpoint, steps or log");
  return in;
}

}  // namespace treadle::api
