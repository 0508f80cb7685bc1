#include "store/find_terms.h"

#include <algorithm>
#include <vector>

#include "base/hash.h"
#include "model/fingerprint.h"
#include "model/search_text.h"

namespace treadle {
namespace {

// On disk.
constexpr char kQueue = 'q';
constexpr char kType = 'y';
constexpr char kTag = 't';
constexpr char kKey = 'k';
constexpr char kCode = 'c';
constexpr char kFingerprint = 'f';
constexpr char kErrorWord = 'e';
constexpr char kPayloadWord = 'p';

constexpr size_t kWordBytesMax = 40;  // what is longer is no word that a person types

class Terms {
 public:
  void Add(char kind, std::string_view word) {
    terms_.push_back(kind + std::string(word.substr(0, kWordBytesMax)));
  }
  void AddNumber(char kind, uint64_t number) { Add(kind, std::to_string(number)); }
  void AddHash(char kind, uint64_t hash) { Add(kind, FingerprintText(hash)); }
  void AddText(char kind, std::string_view text) { AddHash(kind, Xxh3(text)); }
  void AddWords(char kind, std::string_view text) {
    for (const std::string& word : WordsOf(text)) Add(kind, word);
  }
  bool empty() const { return terms_.empty(); }

  /// Each of them once, with `quote` around it and blanks between.
  std::string Join(std::string_view quote) {
    std::ranges::sort(terms_);
    const auto repeated = std::ranges::unique(terms_);
    terms_.erase(repeated.begin(), repeated.end());
    std::string text;
    for (const std::string& term : terms_)
      text.append(text.empty() ? "" : " ").append(quote).append(term).append(quote);
    return text;
  }

 private:
  std::vector<std::string> terms_;
};

}  // namespace

std::string PlaceTerms(QueueId queue, TypeId type) {
  Terms terms;
  terms.AddNumber(kQueue, queue);
  terms.AddNumber(kType, type);
  return terms.Join("");
}

std::string BodyTerms(const TaskBody& body, std::string_view payload_text) {
  Terms terms;
  for (const std::string& tag : body.tags) terms.AddText(kTag, tag);
  if (!body.idempotency_key.empty()) terms.AddText(kKey, body.idempotency_key);
  terms.AddWords(kPayloadWord, payload_text);
  return terms.Join("");
}

std::string ErrorTerms(std::string_view type, const TaskError& error) {
  Terms terms;
  terms.AddText(kCode, error.code);
  terms.AddHash(kFingerprint, ErrorFingerprint(type, error.code, error.message));
  terms.AddWords(kErrorWord, error.code);
  terms.AddWords(kErrorWord, error.message);
  return terms.Join("");
}

std::string MatchExpression(const TaskQuery& query, std::optional<QueueId> queue,
                            std::optional<TypeId> type) {
  Terms terms;
  if (query.tag) terms.AddText(kTag, *query.tag);
  if (query.idempotency_key) terms.AddText(kKey, *query.idempotency_key);
  if (query.error_code) terms.AddText(kCode, *query.error_code);
  if (query.fingerprint) terms.AddHash(kFingerprint, *query.fingerprint);
  for (const std::string& words : query.words) terms.AddWords(kErrorWord, words);
  for (const std::string& words : query.payload_words) terms.AddWords(kPayloadWord, words);
  if (terms.empty()) return "";
  if (queue) terms.AddNumber(kQueue, *queue);
  if (type) terms.AddNumber(kType, *type);
  return terms.Join("\"");
}

}  // namespace treadle
