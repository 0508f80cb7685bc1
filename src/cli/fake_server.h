// FakeServer: an HTTP server of a few lines for tests: fixed answers, and a record of what was
// asked. Its thread ends with it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/thread_annotations.h"

namespace treadle::cli {

struct FakeAnswer {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
};

class FakeServer {
 public:
  struct Request {
    std::string line;  // "GET /v1/info"
    std::string body;
  };

  FakeServer();
  ~FakeServer();

  /// What a request with exactly that method and target gets; the last of several answers is
  /// repeated.
  void Answer(const std::string& line, std::vector<FakeAnswer> answers);
  /// Answers what no Answer() is for; else such a request gets 404.
  void AnswerOthers(std::function<FakeAnswer(const Request&)> answer);

  std::string url() const;
  std::vector<Request> requests();

 private:
  void Serve();
  void ServeConnection(int fd);
  FakeAnswer AnswerTo(const Request& request);

  int listener_ = -1;
  int port_ = 0;
  Mutex mutex_;
  std::map<std::string, std::vector<FakeAnswer>> answers_ TREADLE_GUARDED_BY(mutex_);
  std::function<FakeAnswer(const Request&)> others_ TREADLE_GUARDED_BY(mutex_);
  std::vector<Request> requests_ TREADLE_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace treadle::cli
