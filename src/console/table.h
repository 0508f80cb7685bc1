// Table: rows in aligned columns, for people. Values are made Printable(). One thread at a time.
#pragma once

#include <string>
#include <vector>

#include "console/console.h"

namespace treadle {

class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  struct Cell {
    Cell(std::string t) : text(std::move(t)) {}  // NOLINT: conversion is the point
    Cell(const char* t) : text(t) {}             // NOLINT
    Cell(std::string t, Color c) : text(std::move(t)), color(c) {}
    std::string text;
    Color color = Color::kPlain;
  };

  /// Without a title in any column no head is printed.
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// As many cells as there are columns.
  void Row(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }
  /// One line per row, after one of titles; two blanks between columns, none at the end of a line.
  std::string ToString(const Console& console) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

/// The colour in which a state of a task is shown.
Color ColorOfState(std::string_view state);

}  // namespace treadle
