// Matches(): what a query asks of a task, written to be obviously right.

#include <algorithm>

#include "model/fingerprint.h"
#include "model/search_text.h"
#include "store/store.h"

namespace treadle {
namespace {

// Each word of each of `asked` is one of `words`.
bool HasAll(const std::vector<std::string>& words, const std::vector<std::string>& asked) {
  return std::ranges::all_of(asked, [&](const std::string& text) {
    return std::ranges::all_of(WordsOf(text), [&](const std::string& word) {
      return std::ranges::find(words, word) != words.end();
    });
  });
}

bool IsWithin(WallTime time, const std::optional<WallTime>& from,
              const std::optional<WallTime>& to) {
  return (!from || time >= *from) && (!to || time < *to);
}

bool IsHidden(const TaskView& view) {
  return view.task.terms != nullptr && view.task.terms->sensitive;
}

bool MatchesError(const TaskQuery& query, const TaskView& view) {
  if (!query.error_code && !query.fingerprint && query.words.empty()) return true;
  const TaskError* error = view.task.error.get();
  if (error == nullptr || (query.error_code && error->code != *query.error_code)) return false;
  if (query.fingerprint &&
      ErrorFingerprint(view.type, error->code, error->message) != *query.fingerprint)
    return false;
  if (query.words.empty()) return true;
  // What a sensitive task says is not to be guessed by its words either.
  return HasAll(WordsOf(IsHidden(view) ? error->code : error->code + " " + error->message),
                query.words);
}

bool MatchesBody(const TaskQuery& query, const TaskBody* body) {
  if (!query.tag && !query.idempotency_key) return true;
  if (body == nullptr) return false;
  if (query.tag && std::ranges::find(body->tags, *query.tag) == body->tags.end()) return false;
  return !query.idempotency_key || body->idempotency_key == *query.idempotency_key;
}

}  // namespace

bool Matches(const TaskQuery& query, const TaskView& view, std::string_view payload_text) {
  const TaskImage& image = view.task.image;
  if (query.queue && view.queue != *query.queue) return false;
  if (query.type && view.type != *query.type) return false;
  if (query.state && image.state != *query.state) return false;
  if (query.worker && (!view.task.holder || view.task.holder->worker != *query.worker))
    return false;
  const bool asks_when_it_ended = query.finished_from || query.finished_to;
  return IsWithin(image.enqueued_at, query.enqueued_from, query.enqueued_to) &&
         (!asks_when_it_ended || IsTerminal(image.state)) &&
         IsWithin(image.finished_at, query.finished_from, query.finished_to) &&
         MatchesBody(query, view.task.body.get()) && MatchesError(query, view) &&
         (query.payload_words.empty() ||
          (!IsHidden(view) && HasAll(WordsOf(payload_text), query.payload_words)));
}

}  // namespace treadle
