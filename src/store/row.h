// Rows of the tables `live` and `done` as tasks.
#pragma once

#include <string>
#include <string_view>

#include "model/task.h"
#include "store/sqlite.h"

namespace treadle {

/// How much of a task a query reads. What comes later in a row is not even fetched from the file.
enum class Parts {
  kView,            // all that the digest covers: without payload and result
  kViewWithResult,  // without payload
  kWhole,
};

/// What to select from the table so that the functions below understand it.
std::string LiveColumns(Parts parts);
std::string DoneColumns(Parts parts);
/// How many columns those are, for what a query selects after them.
int ColumnCount(Parts parts);

TaskId ReadId(const Rows& row);
/// The size of what is kept of an ended task.
uint32_t ReadBytes(const Rows& row);
/// The image of the current row. DATA_LOSS: the row does not match its digest, or its values are
/// none of a task.
Status ReadImage(const Rows& row, TaskImage* image);
/// Who holds it, if anyone.
std::optional<LeaseHolder> ReadHolder(const Rows& row);
/// Its terms; null if it has none. DATA_LOSS: they cannot be read.
Status ReadTerms(const Rows& row, std::shared_ptr<const TaskTerms>* terms);
/// All that was selected. A payload or result that does not match its digest is damaged: the body,
/// or the result, stays null. DATA_LOSS like ReadImage; but of a whole row that does not match its
/// digest only the id is read. `record` must be empty.
Status ReadRecord(const Rows& row, Parts parts, TaskRecord* record);

/// Bits of the column `flags`. On disk. kRowSearched is the store's own: the words of the payload
/// are to be found; it stays until another payload is written.
enum RowFlag : uint8_t {
  kRowReported = 1,
  kRowCancelRequested = 2,
  kRowHasTerms = 4,
  kRowSearched = 8,
  kRowHasTrail = 16,
};
constexpr uint8_t FlagsOf(const TaskImage& image) {
  return static_cast<uint8_t>(
      (image.reported ? kRowReported : 0) | (image.cancel_requested ? kRowCancelRequested : 0) |
      (image.has_terms ? kRowHasTerms : 0) | (image.has_trail ? kRowHasTrail : 0));
}

/// The place of a priority in lease order, which runs upwards.
constexpr uint8_t RankOf(uint8_t priority) { return static_cast<uint8_t>(9 - priority); }

}  // namespace treadle
