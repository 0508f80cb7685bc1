// What the columns of `live` and `done` say of a task, as values for statements and digests.
//
// Of all statements that change a row or move it ?1..?4 are the place, ?5..?16 the rest of the
// image, ?17..?19 the holder, ?20 and ?21 the error; of an ended task ?22 and ?23 are its place,
// ?24..?26 its result. Texts are not copied: tasks and strings must outlive the values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "store/row.h"
#include "store/sqlite.h"
#include "store/store.h"

namespace treadle {

using Text = std::optional<std::string_view>;

inline std::optional<int64_t> OrNull(WallTime time) {
  return time.ms == 0 ? std::nullopt : std::optional(time.ms);
}

inline Text OrNull(std::string_view text) { return text.empty() ? Text() : Text(text); }

inline auto PlaceValues(const TaskImage& image) {
  return std::tuple(image.queue, image.type, RankOf(image.priority), image.id.packed);
}

// ?1..?16; `terms`, the bytes of which are to be written, may be empty and must outlive the values.
inline auto ImageValues(const TaskImage& image, const std::string& terms, uint8_t own_flags) {
  return std::tuple_cat(
      PlaceValues(image),
      std::tuple(static_cast<uint8_t>(image.state), FlagsOf(image) | own_flags, image.max_attempts,
                 image.unspent, image.attempt, image.term, image.exchange, image.when_ms,
                 image.enqueued_at.ms, OrNull(image.started_at), image.worker_losses,
                 terms.empty() ? std::optional<Blob>() : std::optional(Blob{terms})));
}

inline std::string TermsBytes(const TaskRecord& now) {
  std::string bytes;
  ByteWriter out(&bytes);
  if (now.terms) EncodeTerms(*now.terms, &out);
  return bytes;
}

inline auto ErrorValues(const TaskError* error) {
  return std::tuple(error ? Text(error->code) : Text(), error ? Text(error->message) : Text());
}

// ?1..?21 of every row: the image, who runs it or did last, the error.
inline auto RowValues(const TaskRecord& now, const std::string& terms, uint8_t own_flags = 0) {
  const LeaseHolder* holder = now.holder ? &*now.holder : nullptr;
  return std::tuple_cat(ImageValues(now.image, terms, own_flags),
                        std::tuple(holder ? Text(holder->worker) : Text(),
                                   holder ? std::optional(holder->incarnation) : std::nullopt,
                                   holder ? OrNull(holder->build) : Text()),
                        ErrorValues(now.error.get()));
}

// ?1..?26 of an ended row.
inline auto DoneValues(const TaskRecord& now, const std::string& terms) {
  const TaskResult* result = now.result.get();
  using MaybeBlob = std::optional<Blob>;
  return std::tuple_cat(RowValues(now, terms),
                        std::tuple(now.image.ordinal, OrNull(now.image.finished_at)),
                        std::tuple(result ? OrNull(result->content_type) : Text(),
                                   result ? MaybeBlob(Blob{result->sha256.view()}) : MaybeBlob(),
                                   result ? MaybeBlob(Blob{result->bytes}) : MaybeBlob()));
}

// Tags hold no control characters.
inline std::string TagLines(const TaskBody& body) {
  std::string lines;
  for (const std::string& tag : body.tags) lines.append(lines.empty() ? "" : "\n").append(tag);
  return lines;
}

// What the digest covers of the body.
inline auto BodyValues(const TaskBody& body, const std::string& tags) {
  return std::tuple(OrNull(body.content_type), OrNull(body.idempotency_key), OrNull(tags),
                    Blob{body.payload_sha256.view()});
}

// What the digest covers of the end.
inline auto EndValues(const TaskRecord& now) {
  const TaskResult* const result = now.result.get();
  const size_t bytes = now.body->payload.size() + (result ? result->bytes.size() : 0) +
                       (now.error ? now.error->message.size() : 0);
  return std::tuple(now.image.ordinal, OrNull(now.image.finished_at), bytes,
                    result ? OrNull(result->content_type) : Text(),
                    result ? std::optional(Blob{result->sha256.view()}) : std::nullopt);
}

template <class... Values>
Status Run(Statement* statement, const std::tuple<Values...>& values) {
  return std::apply([&](const auto&... each) { return statement->Run(each...); }, values);
}

}  // namespace treadle
