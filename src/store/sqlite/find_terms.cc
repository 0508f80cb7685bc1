#include "store/sqlite/find_terms.h"

#include <algorithm>
#include <vector>

#include "base/hash.h"
#include "model/fingerprint.h"
#include "model/search_text.h"

namespace treadle {
namespace {

// On disk.
constexpr char kQueueTerm = 'q';
constexpr char kTypeTerm = 'y';
constexpr char kTagTerm = 't';
constexpr char kKeyTerm = 'k';
constexpr char kCodeTerm = 'c';
constexpr char kFingerprintTerm = 'f';
constexpr char kErrorWordTerm = 'e';
constexpr char kPayloadWordTerm = 'p';

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
  terms.AddNumber(kQueueTerm, queue);
  terms.AddNumber(kTypeTerm, type);
  return terms.Join("");
}

std::string BodyTerms(const TaskBody& body, std::string_view payload_text) {
  Terms terms;
  for (const std::string& tag : body.tags) terms.AddText(kTagTerm, tag);
  if (!body.idempotency_key.empty()) terms.AddText(kKeyTerm, body.idempotency_key);
  terms.AddWords(kPayloadWordTerm, payload_text);
  return terms.Join("");
}

std::string ErrorTerms(std::string_view type, const TaskError& error) {
  Terms terms;
  terms.AddText(kCodeTerm, error.code);
  terms.AddHash(kFingerprintTerm, ErrorFingerprint(type, error.code, error.message));
  terms.AddWords(kErrorWordTerm, error.code);
  terms.AddWords(kErrorWordTerm, error.message);
  return terms.Join("");
}

std::string MatchExpression(const TaskQuery& query, std::optional<QueueId> queue,
                            std::optional<TypeId> type) {
  Terms terms;
  if (query.tag) terms.AddText(kTagTerm, *query.tag);
  if (query.idempotency_key) terms.AddText(kKeyTerm, *query.idempotency_key);
  if (query.error_code) terms.AddText(kCodeTerm, *query.error_code);
  if (query.fingerprint) terms.AddHash(kFingerprintTerm, *query.fingerprint);
  for (const std::string& words : query.words) terms.AddWords(kErrorWordTerm, words);
  for (const std::string& words : query.payload_words) terms.AddWords(kPayloadWordTerm, words);
  if (terms.empty()) return "";
  if (queue) terms.AddNumber(kQueueTerm, *queue);
  if (type) terms.AddNumber(kTypeTerm, *type);
  return terms.Join("\"");
}

}  // namespace treadle
