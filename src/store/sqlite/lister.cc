#include "store/sqlite/lister.h"

#include <algorithm>
#include <limits>
#include <queue>

#include "base/check.h"
#include "model/search_text.h"
#include "store/sqlite/find_terms.h"
#include "store/sqlite/row.h"

namespace treadle {
namespace {

// What a source selects. ?1 is the cursor and ?2 the size of a batch.
constexpr char kLiveCandidate[] = "SELECT place, image FROM live ";
constexpr char kCandidate[] = "SELECT id, queue, type, 0, state FROM ";
constexpr char kNewestOfLane[] = "place < ?1 AND place >= ?3 ORDER BY place DESC LIMIT ?2";
constexpr char kNewest[] = " AND id < ?1 ORDER BY id DESC LIMIT ?2";
constexpr char kNotReady[] = "INDEXED BY live_not_ready WHERE state <> 2 AND ";

std::string LiveCandidates(const std::string& where) { return kLiveCandidate + where; }
std::string EndedCandidates(const char* from) { return std::string(kCandidate) + from + kNewest; }

std::string ViewOf(TaskTable table, Parts parts) {
  return "SELECT " + RowColumns(table, parts) + " FROM " + NameOf(table) + " WHERE " +
         KeyOf(table) + " = ?1";
}

// What may be searched of a payload, and whether it is.
std::string SearchedPayload(TaskTable table) {
  return "SELECT image, substr(payload, 1, " + std::to_string(kSearchedPayloadBytes) + ") FROM " +
         NameOf(table) + " WHERE " + KeyOf(table) + " = ?1";
}

// Where to begin in a lane of that shard for what is older than `before`.
int64_t CursorIn(int64_t lane, TaskId before, ShardId shard) {
  if (before.packed == 0 || before.shard() > shard) return LastPlaceOf(lane);
  return before.shard() == shard ? PlaceIn(lane, before) : FirstPlaceOf(lane);
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
      lanes_(db),
      queue_id_(db, "SELECT id FROM queue WHERE name = ?1"),
      type_id_(db, "SELECT id FROM type WHERE name = ?1"),
      queue_name_(db, "SELECT name FROM queue WHERE id = ?1"),
      type_name_(db, "SELECT name FROM type WHERE id = ?1"),
      next_(db, LiveCandidates("WHERE place >= ?1 ORDER BY place LIMIT 1")),
      next_not_ready_(db, LiveCandidates(std::string(kNotReady) +
                                         "place >= ?1 AND state = ?2 ORDER BY place LIMIT 1")),
      next_ended_lane_(db,
                       "SELECT queue, type, state FROM done INDEXED BY done_lane"
                       " WHERE (queue, type, state, id) > (?1, ?2, ?3, ?4)"
                       " ORDER BY queue, type, state, id LIMIT 1"),
      lane_(db, LiveCandidates(std::string("WHERE ") + kNewestOfLane)),
      not_ready_lane_(db,
                      LiveCandidates(std::string(kNotReady) + "state = ?4 AND " + kNewestOfLane)),
      ended_(db, EndedCandidates("done WHERE true")),
      ended_lane_(db, EndedCandidates("done INDEXED BY done_lane"
                                      " WHERE queue = ?3 AND type = ?4 AND state = ?5")),
      found_(db,
             "SELECT rowid, queue, type, lane_rank, NULL FROM found"
             " WHERE found MATCH ?3 AND rowid < ?1 ORDER BY rowid DESC LIMIT ?2"),
      live_view_(db, ViewOf(TaskTable::kLive, Parts::kView)),
      done_view_(db, ViewOf(TaskTable::kDone, Parts::kView)),
      done_view_with_result_(db, ViewOf(TaskTable::kDone, Parts::kViewWithResult)),
      live_payload_(db, SearchedPayload(TaskTable::kLive)),
      done_payload_(db, SearchedPayload(TaskTable::kDone)) {}

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
  for (Source& source : sources_)
    source.batch_size = 2 * wanted / static_cast<int64_t>(sources_.size()) + 1;
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
  TREADLE_CHECK(db_->in_transaction());  // what a source names is there when it is read
  std::string expression = MatchExpression(query, filter.queue, filter.type);
  const int64_t before = query.before.packed == 0 ? kLastId : RowId(query.before);
  if (!expression.empty()) {
    sources_.push_back({.statement = &found_, .text = std::move(expression), .before = before});
    return {};
  }
  if (!filter.queue && !filter.type && !filter.state)
    sources_.push_back({.statement = &ended_, .before = before});
  else if (!filter.state || IsTerminal(*filter.state))
    TREADLE_RETURN_IF_ERROR(FindEndedLanes(filter, before));
  if (filter.state && IsTerminal(*filter.state)) return {};
  const bool is_rare = filter.state && *filter.state != TaskState::kReady;
  return FindLiveLanes(query, filter, is_rare ? filter.state : std::nullopt);
}

Status Lister::FindEndedLanes(const Filter& filter, int64_t before) {
  int64_t queue = filter.queue.value_or(0);
  int64_t type = filter.queue ? filter.type.value_or(0) : 0;
  int64_t state = -1;
  while (true) {
    Rows rows = next_ended_lane_.Query(queue, type, state, kLastId);
    if (!rows.Next()) return rows.status();
    queue = rows.Int(0);
    type = rows.Int(1);
    state = rows.Int(2);
    if (filter.queue && queue != *filter.queue) return {};
    if (filter.type && type < *filter.type) {
      type = *filter.type;
      state = -1;
    } else if (filter.type && type > *filter.type) {
      type = std::numeric_limits<TypeId>::max();  // on to the next queue
    } else if (!filter.state || state == static_cast<int64_t>(*filter.state)) {
      sources_.push_back(
          {.statement = &ended_lane_, .values = {queue, type, state}, .before = before});
    }
  }
}

Status Lister::FindLiveLanes(const TaskQuery& query, const Filter& filter,
                             std::optional<TaskState> rare) {
  const auto number = static_cast<int64_t>(rare.value_or(TaskState::kReady));
  for (int64_t lane = 0; lane <= kLanesMax; ++lane) {
    Rows rows =
        rare ? next_not_ready_.Query(FirstPlaceOf(lane), number) : next_.Query(FirstPlaceOf(lane));
    if (!rows.Next()) return rows.status();
    TREADLE_ASSIGN_OR_RETURN(const Candidate first, ReadLiveCandidate(rows));
    lane = LaneOf(first.key);
    TREADLE_ASSIGN_OR_RETURN(const bool is_wanted, IsWanted(lane, filter));
    if (!is_wanted) continue;
    Source& source = sources_.emplace_back();
    source.statement = rare ? &not_ready_lane_ : &lane_;
    source.of_live = true;
    source.values.push_back(FirstPlaceOf(lane));
    if (rare) source.values.push_back(number);
    source.before = CursorIn(lane, query.before, first.id.shard());
  }
  return {};
}

// Of the lane that many share, each task is looked at.
Result<bool> Lister::IsWanted(int64_t lane, const Filter& filter) {
  if (lane == kSharedLane || (!filter.queue && !filter.type)) return true;
  TREADLE_ASSIGN_OR_RETURN(const LaneKey key, lanes_.KeyOf(lane));
  return (!filter.queue || key.queue == *filter.queue) &&
         (!filter.type || key.type == *filter.type);
}

Result<Lister::Candidate> Lister::ReadLiveCandidate(const Rows& row) {
  TaskRow task;
  TREADLE_RETURN_IF_ERROR(DecodeRow(row.Bytes(1), &task));
  const TaskImage& image = task.image;
  return Candidate{.id = image.id,
                   .queue = image.queue,
                   .type = image.type,
                   .rank = RankOf(image.priority),
                   .state = image.state,
                   .key = row.Int(0)};
}

Lister::Candidate Lister::ReadCandidate(const Rows& row) {
  return {.id = {row.As<uint64_t>(0)},
          .queue = row.As<QueueId>(1),
          .type = row.As<TypeId>(2),
          .rank = row.As<uint8_t>(3),
          .state = row.IsNull(4) ? std::nullopt : std::optional(row.As<TaskState>(4)),
          .key = row.Int(0)};
}

Status Lister::Refill(Source* source) {
  TREADLE_CHECK(source->batch_size > 0);  // or it would seem exhausted
  if (!source->batch.empty() || source->exhausted) return {};
  std::vector<int64_t> values{source->before, source->batch_size};
  values.insert(values.end(), source->values.begin(), source->values.end());
  Rows rows = source->statement->QueryNumbers(values, source->text);
  while (rows.Next()) {
    if (!source->of_live) {
      source->batch.push_back(ReadCandidate(rows));
      continue;
    }
    TREADLE_ASSIGN_OR_RETURN(const Candidate candidate, ReadLiveCandidate(rows));
    source->batch.push_back(candidate);
  }
  TREADLE_RETURN_IF_ERROR(rows.status());
  source->exhausted = std::ssize(source->batch) < source->batch_size;
  if (!source->batch.empty()) source->before = source->batch.back().key;
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
    TREADLE_CHECK(!source->batch.empty());
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
      TREADLE_CHECK(page->tasks.size() <= query.limit);
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

Result<bool> Lister::ReadView(Rows rows, TaskTable table, Parts parts, TaskView* out) {
  const bool is_there = rows.Next();
  TREADLE_RETURN_IF_ERROR(rows.status());
  if (!is_there) return false;
  TREADLE_RETURN_IF_ERROR(ReadRecord(rows, table, parts, &out->task));
  const auto name_of = [](Statement* statement, uint32_t id, std::string* name) {
    Rows found = statement->Query(id);
    if (found.Next()) *name = found.Bytes(0);
    return found.status();
  };
  TREADLE_RETURN_IF_ERROR(name_of(&queue_name_, out->task.image.queue, &out->queue));
  TREADLE_RETURN_IF_ERROR(name_of(&type_name_, out->task.image.type, &out->type));
  return true;
}

Result<bool> Lister::ReadDone(TaskId id, bool with_result, TaskView* out) {
  const Parts parts = with_result ? Parts::kViewWithResult : Parts::kView;
  Statement& view = with_result ? done_view_with_result_ : done_view_;
  return ReadView(view.Query(id.packed), TaskTable::kDone, parts, out);
}

Result<bool> Lister::ReadLive(const Candidate& candidate, TaskView* out) {
  TREADLE_ASSIGN_OR_RETURN(const int64_t place, PlaceOf(candidate));
  return ReadView(live_view_.Query(place), TaskTable::kLive, Parts::kView, out);
}

// Only a row of `live` has shown its state and place.
Result<int64_t> Lister::PlaceOf(const Candidate& candidate) {
  if (candidate.state) return candidate.key;
  TREADLE_ASSIGN_OR_RETURN(const int64_t lane,
                           lanes_.Find({candidate.queue, candidate.type, candidate.rank}));
  return PlaceIn(lane, candidate.id);
}

Result<std::string> Lister::PayloadTextOf(const Candidate& candidate, const TaskView& view) {
  const TaskImage& image = view.task.image;
  Statement* payload = &done_payload_;
  auto key = static_cast<int64_t>(image.id.packed);
  if (!IsTerminal(image.state)) {
    TREADLE_ASSIGN_OR_RETURN(key, PlaceOf(candidate));
    payload = &live_payload_;
  }
  Rows rows = payload->Query(key);
  const bool is_there = rows.Next();
  TREADLE_RETURN_IF_ERROR(rows.status());
  if (!is_there) return std::string();
  TaskRow task;
  TREADLE_RETURN_IF_ERROR(DecodeRow(rows.Bytes(0), &task));
  if (!task.searched) return std::string();
  return PayloadText(view.task.body->content_type, rows.Bytes(1));
}

}  // namespace treadle
