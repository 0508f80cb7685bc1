#include "console/table.h"

#include <algorithm>

#include "base/check.h"
#include "base/terminal_text.h"

namespace treadle {

namespace {

// A row per line of the last cell.
std::vector<std::vector<Table::Cell>> Unfolded(std::vector<Table::Cell> row) {
  std::vector<std::vector<Table::Cell>> rows;
  const Table::Cell last = row.back();
  for (size_t begin = 0; begin <= last.text.size();) {
    const size_t end = std::min(last.text.find('\n', begin), last.text.size());
    row.back().text = last.text.substr(begin, end - begin);
    rows.push_back(row);
    for (Table::Cell& cell : row) cell.text.clear();
    begin = end + 1;
  }
  return rows;
}

}  // namespace

void Table::Row(std::vector<Cell> cells) {
  TREADLE_CHECK(cells.size() == columns_.size());
  // In the last of several columns, lines continue below themselves; they cannot forge a row there.
  std::string last = std::move(cells.back().text);
  for (Cell& cell : cells) cell.text = treadle::Printable(cell.text);
  while (last.ends_with('\n')) last.pop_back();
  cells.back().text = cells.size() > 1 ? PrintableLines(last) : treadle::Printable(last);
  rows_.push_back(std::move(cells));
}

std::string Table::ToString(const Console& console) const {
  std::vector<std::vector<Cell>> lines;
  const auto has_title = [](const Column& column) { return !column.title.empty(); };
  if (std::any_of(columns_.begin(), columns_.end(), has_title)) {
    std::vector<Cell>& head = lines.emplace_back();
    for (const Column& column : columns_) head.emplace_back(column.title, Color::kBold);
  }
  for (const auto& row : rows_) {
    const auto unfolded = Unfolded(row);
    lines.insert(lines.end(), unfolded.begin(), unfolded.end());
  }

  std::vector<size_t> widths(columns_.size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], WidthInColumns(line[i].text));
    }
  }
  std::string out;
  for (const auto& line : lines) {
    std::string row;
    size_t visible = 0;  // length of `row` up to its last character that is no blank
    for (size_t i = 0; i < line.size(); ++i) {
      const std::string pad(widths[i] - WidthInColumns(line[i].text), ' ');
      if (i > 0) row += "  ";
      if (columns_[i].align == Align::kRight) row += pad;
      if (!line[i].text.empty()) row += console.PaintOut(line[i].text, line[i].color);
      if (!line[i].text.empty()) visible = row.size();
      if (columns_[i].align == Align::kLeft) row += pad;
    }
    out += row.substr(0, visible) + '\n';
  }
  return out;
}

Color ColorOfState(std::string_view state) {
  if (state == "completed") return Color::kGreen;
  if (state == "dead") return Color::kRed;
  if (state == "running" || state == "retrying") return Color::kYellow;
  return Color::kPlain;
}

}  // namespace treadle
