#include "cli/table.h"

#include <algorithm>

#include "base/check.h"
#include "base/utf8.h"

namespace treadle::cli {

void Table::Row(std::vector<Cell> cells) {
  TREADLE_CHECK(cells.size() == columns_.size());
  for (Cell& cell : cells) cell.text = Printable(cell.text);
  rows_.push_back(std::move(cells));
}

std::string Table::ToString(const Console& console) const {
  std::vector<std::vector<Cell>> lines;
  const auto has_title = [](const Column& column) { return !column.title.empty(); };
  if (std::any_of(columns_.begin(), columns_.end(), has_title)) {
    std::vector<Cell>& head = lines.emplace_back();
    for (const Column& column : columns_) head.emplace_back(column.title, Color::kBold);
  }
  lines.insert(lines.end(), rows_.begin(), rows_.end());

  std::vector<size_t> widths(columns_.size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], CountCharacters(line[i].text));
    }
  }
  std::string out;
  for (const auto& line : lines) {
    std::string row;
    size_t visible = 0;  // length of `row` up to its last character that is no blank
    for (size_t i = 0; i < line.size(); ++i) {
      const std::string pad(widths[i] - CountCharacters(line[i].text), ' ');
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

}  // namespace treadle::cli
