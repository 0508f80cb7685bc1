// Matches(): what a query asks of a task, written to be obviously right.

#include <algorithm>

#include "model/fingerprint.h"
#include "store/store.h"

namespace treadle {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool Holds(std::string_view text, std::string_view word) {
  const auto same = [](char a, char b) { return Lower(a) == Lower(b); };
  return !std::ranges::search(text, word, same).empty() || word.empty();
}

bool IsWithin(WallTime time, WallTime from, WallTime to) {
  if (from.ms == 0 && to.ms == 0) return true;
  return time.ms != 0 && time >= from && (to.ms == 0 || time < to);
}

bool MatchesError(const TaskQuery& query, const TaskView& view) {
  if (!query.error_code && !query.fingerprint && query.words.empty()) return true;
  const TaskError* error = view.task.error.get();
  if (error == nullptr || (query.error_code && error->code != *query.error_code)) return false;
  if (query.fingerprint &&
      ErrorFingerprint(view.type, error->code, error->message) != *query.fingerprint)
    return false;
  // What a sensitive task says is not to be guessed by its words either.
  const bool is_hidden = view.task.terms != nullptr && view.task.terms->sensitive;
  return std::ranges::all_of(query.words, [&](const std::string& word) {
    return (!is_hidden && Holds(error->message, word)) || Holds(error->code, word);
  });
}

bool MatchesBody(const TaskQuery& query, const TaskBody* body) {
  if (!query.tag && !query.idempotency_key) return true;
  if (body == nullptr) return false;
  if (query.tag && std::ranges::find(body->tags, *query.tag) == body->tags.end()) return false;
  return !query.idempotency_key || body->idempotency_key == *query.idempotency_key;
}

}  // namespace

bool Matches(const TaskQuery& query, const TaskView& view) {
  const TaskImage& image = view.task.image;
  if (query.queue && view.queue != *query.queue) return false;
  if (query.type && view.type != *query.type) return false;
  if (query.state && image.state != *query.state) return false;
  if (query.worker && (!view.task.holder || view.task.holder->worker != *query.worker))
    return false;
  return IsWithin(image.enqueued_at, query.enqueued_from, query.enqueued_to) &&
         IsWithin(image.finished_at, query.finished_from, query.finished_to) &&
         MatchesBody(query, view.task.body.get()) && MatchesError(query, view);
}

}  // namespace treadle
