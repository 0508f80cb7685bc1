// Terms: what the index of rare things knows a task by, and how a query asks it. Pure; any thread.
//
// A term is a letter for the kind and then a word, a number, or a hash of 16 hexadecimal digits;
// the terms of a row are separated by blanks. They only show where to look: hashes may collide and
// long words are cut, so what the index finds is held against Matches().
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/task.h"
#include "store/store.h"

namespace treadle {

/// Where a task waits, or waited, which narrows down what is found by something else.
std::string PlaceTerms(QueueId queue, TypeId type);

/// Of tags, idempotency key and the words of `payload_text`; empty if it has nothing of that.
std::string BodyTerms(const TaskBody& body, std::string_view payload_text);

/// Of the code, the fingerprint and the words of an error.
std::string ErrorTerms(std::string_view type, const TaskError& error);

/// The expression of FTS5 for tasks that have all that is rare in the query. Empty: it asks for
/// nothing rare. `queue` and `type` narrow it down.
std::string MatchExpression(const TaskQuery& query, std::optional<QueueId> queue,
                            std::optional<TypeId> type);

}  // namespace treadle
