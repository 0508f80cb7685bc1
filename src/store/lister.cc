#include "store/lister.h"

#include <algorithm>
#include <limits>
#include <queue>

#include "model/search_text.h"
#include "store/find_terms.h"
#include "store/row.h"

namespace treadle {
namespace {

// What a source selects: the members of a Candidate, of which an ended task needs no rank. ?1 is
// the cursor and ?2 the size of a batch.
constexpr char kCandidate[] = "SELECT id, queue, type, rank, state FROM ";
constexpr char kEndedCandidate[] = "SELECT id, queue, type, 0, state FROM ";
constexpr char kLivePlace[] = "queue = ?1 AND type = ?2 AND rank = ?3 AND id = ?4";
constexpr char kNewest[] = " AND id < ?1 ORDER BY id DESC LIMIT ?2";

// Past every row of a lane. (SQLite searches `>` on fewer columns than the key has as `>=`, and
// would walk the lane.)
constexpr int64_t kLastId = std::numeric_limits<int64_t>::max();

std::string Candidates(const char* from) { return std::string(kCandidate) + from + kNewest; }
std::string EndedCandidates(const char* from) {
  return std::string(kEndedCandidate) + from + kNewest;
}

std::string ViewOf(const char* table, const std::string& columns) {
  const std::string name = table;
  return "SELECT " + columns + ", (SELECT name FROM queue WHERE id = " + name +
         ".queue), (SELECT name FROM type WHERE id = " + name + ".type) FROM " + name + " WHERE ";
}

// What is searched of a payload; no row if it is not.
std::string SearchedPayload(const char* table) {
  return "SELECT substr(payload, 1, " + std::to_string(kSearchedPayloadBytes) + ") FROM " + table +
         " WHERE flags & " + std::to_string(kRowSearched) + " AND ";
}

// As SQLite orders them.
int64_t RowId(TaskId id) { return static_cast<int64_t>(id.packed); }

// Of the row, if there is one.
Result<bool> ReadView(Rows rows, Parts parts, TaskView* out) {
  if (!rows.Next()) {
    TREADLE_RETURN_IF_ERROR(rows.status());
    return false;
  }
  const int names = ColumnCount(parts);
  out->queue = rows.Bytes(names);
  out->type = rows.Bytes(names + 1);
  TREADLE_RETURN_IF_ERROR(ReadRecord(rows, parts, &out->task));
  return true;
}

size_t SizeOf(const TaskView& view) {
  size_t bytes = 0;
  if (view.task.error) bytes += view.task.error->message.size();
  if (view.task.result) bytes += view.task.result->bytes.size();
  return bytes;
}

}  // namespace

Lister::Lister(Connection* db)
    : db_(db),
      queue_id_(db, "SELECT id FROM queue WHERE name = ?1"),
      type_id_(db, "SELECT id FROM type WHERE name = ?1"),
      next_lane_(db,
                 "SELECT queue, type, rank FROM live"
                 " WHERE (queue, type, rank, id) > (?1, ?2, ?3, ?4)"
                 " ORDER BY queue, type, rank, id LIMIT 1"),
      next_ended_lane_(db,
                       "SELECT queue, type, state FROM done INDEXED BY done_lane"
                       " WHERE (queue, type, state, id) > (?1, ?2, ?3, ?4)"
                       " ORDER BY queue, type, state, id LIMIT 1"),
      next_not_ready_lane_(db,
                           "SELECT queue, type FROM live INDEXED BY live_not_ready"
                           " WHERE state = ?1 AND state <> 2 AND (queue, type, id) > (?2, ?3, ?4)"
                           " ORDER BY queue, type, id LIMIT 1"),
      lane_(db, Candidates("live WHERE queue = ?3 AND type = ?4 AND rank = ?5")),
      not_ready_lane_(db, Candidates("live INDEXED BY live_not_ready WHERE state <> 2"
                                     " AND state = ?3 AND queue = ?4 AND type = ?5")),
      ended_(db, EndedCandidates("done WHERE true")),
      ended_lane_(db, EndedCandidates("done INDEXED BY done_lane"
                                      " WHERE queue = ?3 AND type = ?4 AND state = ?5")),
      found_(db,
             "SELECT rowid, queue, type, lane_rank, NULL FROM found"
             " WHERE found MATCH ?3 AND rowid < ?1 ORDER BY rowid DESC LIMIT ?2"),
      live_view_(db, ViewOf("live", LiveColumns(Parts::kView)) + kLivePlace),
      done_view_(db, ViewOf("done", DoneColumns(Parts::kView)) + "id = ?1"),
      done_view_with_result_(db, ViewOf("done", DoneColumns(Parts::kViewWithResult)) + "id = ?1"),
      live_payload_(db, SearchedPayload("live") + kLivePlace),
      done_payload_(db, SearchedPayload("done") + "id = ?1") {}

Result<TaskPage> Lister::List(const TaskQuery& query) {
  TREADLE_CHECK(query.limit >= 1 && query.limit <= 1000);
  TaskPage page;
  Transaction snapshot(db_);
  TREADLE_RETURN_IF_ERROR(snapshot.Begin(Transaction::Kind::kRead));
  TREADLE_ASSIGN_OR_RETURN(const std::optional<Filter> filter, Resolve(query));
  if (!filter) return page;  // nothing has that name
  sources_.clear();
  TREADLE_RETURN_IF_ERROR(FindSources(query, *filter));
  const auto wanted = static_cast<int64_t>(query.limit) + 1;
  for (Source& source : sources_) {
    source.before = query.before.packed == 0 ? kLastId : RowId(query.before);
    source.batch_size = 2 * wanted / static_cast<int64_t>(sources_.size()) + 1;
  }
  TREADLE_RETURN_IF_ERROR(Merge(query, *filter, &page));
  TREADLE_RETURN_IF_ERROR(snapshot.Commit());
  return page;
}

Result<std::optional<Lister::Filter>> Lister::Resolve(const TaskQuery& query) {
  Filter filter{.state = query.state};
  bool known = true;
  const auto resolve = [&](Statement* statement, const std::optional<std::string>& name,
                           std::optional<uint32_t>* id) {
    if (!name) return Status();
    Rows rows = statement->Query(std::string_view(*name));
    if (rows.Next())
      *id = rows.As<uint32_t>(0);
    else
      known = false;
    return rows.status();
  };
  TREADLE_RETURN_IF_ERROR(resolve(&queue_id_, query.queue, &filter.queue));
  TREADLE_RETURN_IF_ERROR(resolve(&type_id_, query.type, &filter.type));
  return known ? std::optional(filter) : std::nullopt;
}

Status Lister::FindSources(const TaskQuery& query, const Filter& filter) {
  std::string expression = MatchExpression(query, filter.queue, filter.type);
  if (!expression.empty()) return AddSource(&found_, {}, std::move(expression)), Status();
  if (!filter.queue && !filter.type && !filter.state)
    AddSource(&ended_, {});
  else if (!filter.state || IsTerminal(*filter.state))
    TREADLE_RETURN_IF_ERROR(FindLanes(filter, &next_ended_lane_, &ended_lane_));
  if (!filter.state || *filter.state == TaskState::kReady)
    return FindLanes(filter, &next_lane_, &lane_);
  return IsTerminal(*filter.state) ? Status() : FindNotReadyLanes(filter, *filter.state);
}

// `next` finds the lane behind one, in the order of queue, type and a third number: the rank of
// those that wait, the state of those that have ended.
Status Lister::FindLanes(const Filter& filter, Statement* next, Statement* lane) {
  int64_t queue = filter.queue.value_or(0);
  int64_t type = filter.queue ? filter.type.value_or(0) : 0;
  int64_t third = -1;
  while (true) {
    Rows rows = next->Query(queue, type, third, kLastId);
    if (!rows.Next()) return rows.status();
    queue = rows.Int(0);
    type = rows.Int(1);
    third = rows.Int(2);
    if (filter.queue && queue != *filter.queue) return {};
    if (filter.type && type < *filter.type) {
      type = *filter.type;
      third = -1;
    } else if (filter.type && type > *filter.type) {
      type = std::numeric_limits<TypeId>::max();  // on to the next queue
    } else if (lane != &ended_lane_ || !filter.state ||
               third == static_cast<int64_t>(*filter.state)) {
      AddSource(lane, {queue, type, third});
    }
  }
}

Status Lister::FindNotReadyLanes(const Filter& filter, TaskState state) {
  const auto number = static_cast<int64_t>(state);
  int64_t queue = filter.queue.value_or(0);
  int64_t type = -1;
  while (true) {
    Rows rows = next_not_ready_lane_.Query(number, queue, type, kLastId);
    if (!rows.Next()) return rows.status();
    queue = rows.Int(0);
    type = rows.Int(1);
    if (filter.queue && queue != *filter.queue) return {};
    if (!filter.type || type == *filter.type) AddSource(&not_ready_lane_, {number, queue, type});
  }
}

void Lister::AddSource(Statement* statement, std::vector<int64_t> key,
                       std::optional<std::string> text) {
  sources_.push_back({.statement = statement, .key = std::move(key), .text = std::move(text)});
}

Status Lister::Refill(Source* source) {
  if (!source->batch.empty() || source->exhausted) return {};
  std::vector<int64_t> values{source->before, source->batch_size};
  values.insert(values.end(), source->key.begin(), source->key.end());
  Rows rows = source->statement->QueryNumbers(values, source->text);
  while (rows.Next())
    source->batch.push_back(
        {.id = {rows.As<uint64_t>(0)},
         .queue = rows.As<QueueId>(1),
         .type = rows.As<TypeId>(2),
         .rank = rows.As<uint8_t>(3),
         .state = rows.IsNull(4) ? std::nullopt : std::optional(rows.As<TaskState>(4))});
  TREADLE_RETURN_IF_ERROR(rows.status());
  source->exhausted = std::ssize(source->batch) < source->batch_size;
  if (!source->batch.empty()) source->before = RowId(source->batch.back().id);
  source->batch_size = std::min<int64_t>(2 * source->batch_size, 1'000);
  return {};
}

Status Lister::Merge(const TaskQuery& query, const Filter& filter, TaskPage* page) {
  using Head = std::pair<int64_t, Source*>;
  std::priority_queue<Head> heads;
  const auto offer = [&](Source* source) {
    TREADLE_RETURN_IF_ERROR(Refill(source));
    if (!source->batch.empty()) heads.emplace(RowId(source->batch.front().id), source);
    return Status();
  };
  for (Source& source : sources_) TREADLE_RETURN_IF_ERROR(offer(&source));

  size_t bytes = 0;
  size_t passed_over = 0;
  for (size_t n = 0; !heads.empty(); ++n) {
    Source* source = heads.top().second;
    const Candidate candidate = source->batch.front();
    if (n == kRowsMax) {
      page->next = {candidate.id.packed + 1};
      return {};
    }
    heads.pop();
    source->batch.pop_front();
    TREADLE_RETURN_IF_ERROR(offer(source));
    if ((filter.queue && candidate.queue != *filter.queue) ||
        (filter.type && candidate.type != *filter.type) ||
        (filter.state && candidate.state && *candidate.state != *filter.state))
      continue;
    if (page->tasks.size() == query.limit || bytes > kPageBytesMax) {
      page->next = page->tasks.back().task.image.id;
      return {};
    }
    TaskView view;
    TREADLE_ASSIGN_OR_RETURN(const bool matches, Show(candidate, query, &view));
    if (matches) {
      bytes += SizeOf(view);
      page->tasks.push_back(std::move(view));
    } else if (++passed_over == kPassedOverMax) {
      page->next = candidate.id;
      return {};
    }
  }
  return {};
}

Result<bool> Lister::Show(const Candidate& candidate, const TaskQuery& query, TaskView* view) {
  bool is_there = false;
  if (!candidate.state || IsTerminal(*candidate.state)) {
    TREADLE_ASSIGN_OR_RETURN(is_there, ReadDone(candidate.id, query.with_results, view));
  }
  if (!is_there && (!candidate.state || !IsTerminal(*candidate.state))) {
    TREADLE_ASSIGN_OR_RETURN(is_there, ReadLive(candidate, view));
  }
  if (!is_there)
    return Status(Code::kDataLoss, "an index of the store names task " + candidate.id.ToString() +
                                       ", which is not there");
  if (query.payload_words.empty()) return Matches(query, *view);
  TREADLE_ASSIGN_OR_RETURN(const std::string payload_text, PayloadTextOf(candidate, *view));
  return Matches(query, *view, payload_text);
}

Result<bool> Lister::ReadDone(TaskId id, bool with_result, TaskView* out) {
  const Parts parts = with_result ? Parts::kViewWithResult : Parts::kView;
  return ReadView((with_result ? done_view_with_result_ : done_view_).Query(id.packed), parts, out);
}

Result<bool> Lister::ReadLive(const Candidate& candidate, TaskView* out) {
  return ReadView(
      live_view_.Query(candidate.queue, candidate.type, candidate.rank, candidate.id.packed),
      Parts::kView, out);
}

Result<std::string> Lister::PayloadTextOf(const Candidate& candidate, const TaskView& view) {
  const TaskImage& image = view.task.image;
  Rows rows = IsTerminal(image.state) ? done_payload_.Query(image.id.packed)
                                      : live_payload_.Query(candidate.queue, candidate.type,
                                                            candidate.rank, image.id.packed);
  std::string text;
  if (rows.Next()) text = PayloadText(view.task.body->content_type, rows.Bytes(0));
  TREADLE_RETURN_IF_ERROR(rows.status());
  return text;
}

}  // namespace treadle
