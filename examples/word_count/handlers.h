// The two task types of the word count: "scan" walks a directory and enqueues a "count" for each
// file.
#pragma once

#include <treadle/worker.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

struct Scan {
  std::string directory;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Scan, directory)

struct Scanned {
  std::vector<std::string> tasks;  // ids of the count tasks
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Scanned, tasks)

struct Count {
  std::string file;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Count, file)

struct Counted {
  int64_t words = 0;
  std::map<std::string, int64_t> of_word;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Counted, words, of_word)

// Enqueues are not undone when an attempt fails halfway, so each carries a key that follows from
// this task: the next attempt meets its own tasks again instead of adding others.
inline treadle::Result<Scanned> ScanDirectory(const Scan& scan, treadle::Context& context) {
  std::error_code error;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scan.directory, error)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  if (error) return treadle::Status(treadle::Code::kInvalidArgument, error.message());
  std::sort(files.begin(), files.end());

  // [fan-out]
  Scanned scanned;
  for (const std::string& file : files) {
    const auto task = context.Enqueue({.type = "count",
                                       .queue = "words",
                                       .payload = treadle::ToJson(Count{file}),
                                       .idempotency_key = context.task().id + ":" + file});
    if (!task.ok()) return task.status();
    scanned.tasks.push_back(task->id);
  }
  // [fan-out end]
  context.Log(std::to_string(files.size()) + " files");
  return scanned;
}

inline Counted CountWords(const Count& count) {
  std::ifstream file(count.file);
  // [failure]
  // No second try brings a missing file back.
  if (!file) throw treadle::Failure("file_missing", count.file, /*retry=*/false);
  // [failure end]
  Counted counted;
  std::string word;
  for (char c; file.get(c);) {
    if (std::isalpha(static_cast<unsigned char>(c))) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!word.empty()) {
      ++counted.words;
      ++counted.of_word[std::move(word)];
      word.clear();
    }
  }
  if (!word.empty()) ++counted.words, ++counted.of_word[word];
  return counted;
}

inline void RegisterHandlers(treadle::Worker& worker) {
  worker.Handle("scan", ScanDirectory);
  worker.Handle("count", CountWords);
}
