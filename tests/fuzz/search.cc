// Words, fingerprints and the search index. An input is a query, a content type and an error
// message, one per line, followed by a payload. A task with these goes into a store, and the store
// must list it exactly when the query matches it.

#include <string>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "model/fingerprint.h"
#include "model/search_text.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/store_files.h"

namespace treadle::fuzz {
namespace {

constexpr size_t kWordsMax = 16;  // of a query; the API has the same limit

std::vector<std::string> CheckWords(std::string_view text) {
  const std::vector<std::string> words = WordsOf(text);
  std::string joined;
  for (const std::string& word : words) {
    TREADLE_CHECK(!word.empty());
    joined.append(word).append(" ");
  }
  // In invalid UTF-8, dropped bytes may join their neighbors into a character.
  if (IsUtf8(text)) TREADLE_CHECK(WordsOf(joined) == words);
  return words;
}

// A store with a queue whose payloads are searchable, for tasks that come and go.
class Home {
 public:
  Home() {
    StoreChanges changes;
    changes.queues = {{1, "q", {.search_payloads = true}}};
    changes.types = {{1, "t", {}}};
    TREADLE_CHECK(store_->Write(changes).ok());
  }

  Store* store() { return store_.get(); }

 private:
  StoreFiles files_;
  std::unique_ptr<SqliteStore> store_ = *SqliteStore::Open({"/data/store.db", 7, ""});
};

TaskChange SearchedTask(std::string_view content_type, std::string_view message,
                        std::string_view payload) {
  auto body = std::make_shared<TaskBody>();
  body->payload = payload;
  body->payload_sha256 = Sha256Of(payload);
  body->content_type = content_type;
  TaskChange change{.is_new = true};
  change.now.image = {.id = TaskId::Of(1, 1), .queue = 1, .type = 1, .state = TaskState::kDead};
  change.now.image.ordinal = 1;
  change.now.body = body;
  change.now.error = std::make_shared<TaskError>(TaskError{"code", std::string(message)});
  return change;
}

void CheckList(Store* store, const TaskQuery& query, bool expected) {
  const auto page = store->List(query);
  TREADLE_CHECK(page.ok());
  TREADLE_CHECK(page->tasks.size() == (expected ? 1 : 0));
}

}  // namespace

TREADLE_FUZZ_TARGET(search) {
  Input in(input);
  const std::string_view question = in.Line();
  const std::string_view content_type = in.Line();
  const std::string_view message = in.Line();
  const std::string_view payload = in.Rest();

  const std::string text = PayloadText(content_type, payload);
  (void)CheckWords(text);
  (void)CheckWords(message);
  TREADLE_CHECK(NormalisedMessage(message).size() <= 4 * message.size());
  const uint64_t fingerprint = ErrorFingerprint("t", "code", message);
  TREADLE_CHECK(FingerprintText(fingerprint).size() == 16);

  Home home;
  const TaskChange task = SearchedTask(content_type, message, payload);
  TREADLE_CHECK(home.store()->Write({.tasks = {task}}).ok());
  const TaskView view{.task = task.now, .queue = "q", .type = "t"};
  const std::vector<std::string> words = CheckWords(question);
  const bool asks = !words.empty() && words.size() <= kWordsMax;
  std::vector<TaskQuery> queries = {{.fingerprint = fingerprint}, {.tag = std::string(question)}};
  if (asks) queries.push_back({.words = words});
  if (asks) queries.push_back({.queue = "q", .payload_words = words});
  for (const TaskQuery& query : queries) CheckList(home.store(), query, Matches(query, view, text));
}

}  // namespace treadle::fuzz
