#include "api/policy_json.h"

#include <algorithm>
#include <limits>
#include <string>

namespace treadle::api {
namespace {

constexpr size_t kListMax = 1'000;  // the policy's own bounds are tighter

using Retry = Changes<RetryPolicy>;

template <class T>
Status ReadNumber(JsonValue value, Retry* changes, T RetryPolicy::* member) {
  TREADLE_ASSIGN_OR_RETURN(
      const int64_t number,
      value.Whole(0, std::min<int64_t>(kNumberMax, std::numeric_limits<T>::max())));
  changes->Add([=](RetryPolicy* retry) { retry->*member = static_cast<T>(number); });
  return {};
}

// One of the names that `name_of` gives the numbers from 1 on.
template <class T>
Status ReadName(JsonValue value, Retry* changes, T RetryPolicy::* member,
                std::string_view (*name_of)(T)) {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view text, value.Text());
  std::string names;
  for (uint8_t number = 1; !name_of(static_cast<T>(number)).empty(); ++number) {
    const T each = static_cast<T>(number);
    if (name_of(each) == text) {
      changes->Add([=](RetryPolicy* retry) { retry->*member = each; });
      return {};
    }
    names.append(names.empty() ? "" : ", ").append(name_of(each));
  }
  return value.Wrong("must be one of " + names);
}

Status ReadDelays(JsonValue value, Retry* changes) {
  std::vector<int64_t> delays;
  TREADLE_RETURN_IF_ERROR(value.Each(kListMax, [&](size_t, JsonValue each) {
    TREADLE_ASSIGN_OR_RETURN(const int64_t delay, each.Whole(0, kNumberMax));
    delays.push_back(delay);
    return Status::Ok();
  }));
  changes->Add([delays = std::move(delays)](RetryPolicy* retry) { retry->delays_ms = delays; });
  return {};
}

Status ReadCodes(JsonValue value, Retry* changes, std::vector<std::string> RetryPolicy::* member) {
  std::vector<std::string> codes;
  TREADLE_RETURN_IF_ERROR(ReadTexts(value, kListMax, &codes));
  changes->Add([=](RetryPolicy* retry) { retry->*member = codes; });
  return {};
}

// The base that all other fields change, wherever in the object it is. "patient": may wait out an
// outage.
Status ReadPreset(JsonValue value, Retry* changes) {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view text, value.Text());
  if (text != "default" && text != "patient") return value.Wrong("must be default or patient");
  const bool patient = text == "patient";
  changes->AddFirst([patient](RetryPolicy* retry) {
    *retry = {};
    if (patient) retry->max_attempts = 25, retry->backoff_cap_ms = 3'600'000;
  });
  return {};
}

constexpr JsonField<Retry> kRetryFields[] = {
    {"preset", ReadPreset},
    {"backoff",
     [](JsonValue v, Retry* c) { return ReadName(v, c, &RetryPolicy::backoff, BackoffName); }},
    {"jitter",
     [](JsonValue v, Retry* c) { return ReadName(v, c, &RetryPolicy::jitter, JitterName); }},
    {"backoff_base_ms",
     [](JsonValue v, Retry* c) { return ReadNumber(v, c, &RetryPolicy::backoff_base_ms); }},
    {"backoff_cap_ms",
     [](JsonValue v, Retry* c) { return ReadNumber(v, c, &RetryPolicy::backoff_cap_ms); }},
    {"delays_ms", ReadDelays},
    {"max_attempts",
     [](JsonValue v, Retry* c) { return ReadNumber(v, c, &RetryPolicy::max_attempts); }},
    {"total_ms", [](JsonValue v, Retry* c) { return ReadNumber(v, c, &RetryPolicy::total_ms); }},
    {"never", [](JsonValue v, Retry* c) { return ReadCodes(v, c, &RetryPolicy::never); }},
    {"always", [](JsonValue v, Retry* c) { return ReadCodes(v, c, &RetryPolicy::always); }},
};

void WriteTexts(const std::vector<std::string>& texts, JsonWriter* out) {
  out->Open('[');
  for (const std::string& text : texts) out->Text(text);
  out->Close(']');
}

}  // namespace

Status ReadRetryChanges(JsonValue value, Changes<RetryPolicy>* changes) {
  return ReadObject(value, kRetryFields, changes);
}

Status ReadRetry(JsonValue value, std::optional<RetryPolicy>* retry) {
  Retry changes;
  TREADLE_RETURN_IF_ERROR(ReadRetryChanges(value, &changes));
  changes.Apply(&retry->emplace());
  return {};
}

void WriteRetry(const RetryPolicy& retry, JsonWriter* out) {
  out->Open('{').Key("backoff").PlainText(BackoffName(retry.backoff));
  out->Key("jitter").PlainText(JitterName(retry.jitter));
  out->Key("backoff_base_ms").Number(retry.backoff_base_ms);
  out->Key("backoff_cap_ms").Number(retry.backoff_cap_ms);
  out->Key("delays_ms").Open('[');
  for (const int64_t delay : retry.delays_ms) out->Number(delay);
  out->Close(']').Key("max_attempts").Number(retry.max_attempts);
  out->Key("total_ms").Number(retry.total_ms);
  out->Key("never");
  WriteTexts(retry.never, out);
  out->Key("always");
  WriteTexts(retry.always, out);
  out->Close('}');
}

}  // namespace treadle::api
