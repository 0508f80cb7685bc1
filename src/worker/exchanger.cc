#include "worker/exchanger.h"

#include <algorithm>
#include <csignal>
#include <iterator>
#include <utility>

#include "base/hash.h"
#include "base/terminal_text.h"
#include "base/utf8.h"
#include "worker/task_line.h"

namespace treadle::worker {
namespace {

using std::chrono::milliseconds;

constexpr size_t kExchangesAtOnce = 2;
constexpr int64_t kAnswerMs =
    15'000;  // a healthy server answers within this, beyond the wait it was asked for
constexpr milliseconds kAtOnce(100);  // an answer that came sooner has not waited for news
constexpr size_t kNothingMax = 2;     // answers at once that bring nothing: a race, perhaps
constexpr size_t kReasonBytesMax = size_t{8} << 10;  // of a goodbye; the server refuses longer ones
constexpr milliseconds kBeforeParking(5);  // a full worker's first reports often follow at once

std::string IncarnationText(uint64_t incarnation) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text.push_back(kHex[(incarnation >> shift) & 15]);
  return text;
}

// Sending the same again would get the same answer.
bool IsRefusal(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kUnauthenticated:
    case Code::kPermissionDenied:
    case Code::kNotFound:
    case Code::kUnimplemented:
    case Code::kFailedPrecondition:
    case Code::kOutOfRange:
      return true;
    default:
      return false;
  }
}

// What was sent may be at fault, and not who sent it.
bool IsAboutContent(Code code) {
  return code == Code::kInvalidArgument || code == Code::kOutOfRange;
}

Report Fallback(const std::string& token, std::string_view code, std::string_view why, bool retry) {
  return {.token = token, .json = wire::EncodeFailed(token, code, why, retry), .is_fallback = true};
}

bool MayWorkLater(Code code) {
  return code == Code::kUnavailable || code == Code::kResourceExhausted ||
         code == Code::kDeadlineExceeded || code == Code::kUnknown || code == Code::kInternal;
}

}  // namespace

Exchanger::Exchanger(ExchangerOptions options, HandlerPool* pool)
    : options_(std::move(options)), pool_(pool), backoff_(options_.incarnation) {}

Result<std::unique_ptr<Exchanger>> Exchanger::Make(ExchangerOptions options, HandlerPool* pool) {
  std::unique_ptr<Exchanger> exchanger(new Exchanger(std::move(options), pool));
  for (size_t i = 0; i < kExchangesAtOnce; ++i) {
    TREADLE_ASSIGN_OR_RETURN(auto client, ServerConnection::Make(exchanger->options_.client));
    exchanger->clients_.push_back(std::move(client));
  }
  return exchanger;
}

Exchanger::~Exchanger() { (void)Stop(); }

void Exchanger::Start(std::vector<std::string> types) {
  types_ = std::move(types);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (const auto& client : clients_) {
    threads_.emplace_back([this, lane_client = client.get()] { RunExchanges(lane_client); });
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Exchanger::Changed() {
  bool draining = false;
  {
    MutexLock lock(mutex_);
    draining = draining_;
    wake_.notify_one();
  }
  if (draining) options_.progressed();
}

void Exchanger::Drain() {
  MutexLock lock(mutex_);
  draining_ = true;
  wake_.notify_all();
}

bool Exchanger::IsIdle() {
  MutexLock lock(mutex_);
  if (pool_->IsBusy()) return false;
  for (const InFlight& exchange : in_flight_) {
    if (exchange.reports > 0 || (exchange.want > 0 && !lost_since_)) return false;
  }
  return std::all_of(unanswered_.begin(), unanswered_.end(),
                     [](const Exchange& exchange) { return exchange.reports.empty(); });
}

Status Exchanger::failure() {
  MutexLock lock(mutex_);
  return failure_;
}

size_t Exchanger::Stop(const std::string& reason) {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    wake_.notify_all();
  }
  for (const auto& client : clients_) client->Cancel();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  return SayGoodbye(reason);
}

void Exchanger::Decline(std::vector<std::string> types, const std::string& reason) {
  types_ = std::move(types);
  (void)Stop(reason);
}

std::vector<Report> Exchanger::TakeUnreported() {
  std::vector<Report> reports;
  for (Exchange& exchange : std::exchange(unanswered_, {}))
    std::move(exchange.reports.begin(), exchange.reports.end(), std::back_inserter(reports));
  std::vector<Report> rest = pool_->TakeReports();
  std::move(rest.begin(), rest.end(), std::back_inserter(reports));
  return reports;
}

// Without it, the server would wait for what is held until its leases end, and count this worker as
// lost. If the goodbye does not arrive, that is so.
size_t Exchanger::SayGoodbye(const std::string& reason) {
  Exchange last;
  {
    MutexLock lock(mutex_);
    if (std::exchange(has_left_, true)) return 0;
    last.reports = TakeUnreported();
    const bool has_news = sequence_ > 0 || !reason.empty();
    if (!has_news || lost_since_ || !failure_.ok() || options_.goodbye_ms == 0)
      return last.reports.size();
    last.sequence = ++sequence_;
    last.answered = sequence_ - 1;
  }
  const size_t sent = std::min(last.reports.size(), wire::kExchangeItemsMax);
  size_t unreported = last.reports.size() - sent;
  last.reports.resize(sent);
  ConnectionOptions to = options_.client;
  to.connect_timeout_ms = std::min(to.connect_timeout_ms, options_.goodbye_ms);
  const auto client = ServerConnection::Make(to);
  if (!client.ok()) return unreported + sent;
  const Result<wire::ExchangeAnswer> answer =
      Ask(client->get(), last, Last{std::string(Utf8Head(Printable(reason), kReasonBytesMax))});
  if (!answer.ok()) return unreported + sent;
  for (const wire::ReportAnswer& report : answer->reports)
    unreported += MayWorkLater(report.code) ? 1 : 0;
  return unreported;
}

void Exchanger::RunExchanges(ServerConnection* client) {
  while (std::optional<Exchange> exchange = Next()) {
    Result<wire::ExchangeAnswer> answer = Ask(client, *exchange);
    Settle(*std::move(exchange), std::move(answer));
  }
}

std::optional<Exchanger::Exchange> Exchanger::Next() {
  MutexLock lock(mutex_);
  while (!stopped_) {
    const Clock::time_point now = Clock::now();
    Clock::time_point wake_at = now + std::chrono::hours(1);
    if (std::optional<Exchange> exchange = NextAt(now, &wake_at)) {
      exchange->asked_at = now;
      in_flight_.push_back({.sequence = exchange->sequence,
                            .want = exchange->want,
                            .reports = exchange->reports.size(),
                            .parks = exchange->reports.empty() && !exchange->repeated});
      return exchange;
    }
    wake_.wait_until(mutex_, wake_at);
  }
  return std::nullopt;
}

std::optional<Exchanger::Exchange> Exchanger::NextAt(Clock::time_point now,
                                                     Clock::time_point* wake_at) {
  if (now < retry_at_) {
    *wake_at = retry_at_;
    return std::nullopt;
  }
  if (in_flight_.size() == kExchangesAtOnce) return std::nullopt;
  if (!unanswered_.empty()) return TakeUnanswered(now);
  // An old one may take long to end.
  if (sequence_ - AnsweredBefore(sequence_ + 1) >= wire::kExchangesInFlight) return std::nullopt;
  if (!in_flight_.empty() && !in_flight_.front().parks) return NextBesideBusy(now);
  const size_t want = pool_->Free();
  const Clock::time_point due = NewIsDueAt(now, want);
  if (due <= now) return MakeNew(now, want);
  *wake_at = std::min(*wake_at, due);
  return std::nullopt;
}

// Beside one that brings reports or takes tasks: only with much to say, or all would be cut in two.
std::optional<Exchanger::Exchange> Exchanger::NextBesideBusy(Clock::time_point now) {
  if (!pool_->HasManyReports()) return std::nullopt;
  const size_t want = pool_->Free();
  return MakeNew(now, want - std::min(want, in_flight_.front().want));
}

Exchanger::Clock::time_point Exchanger::NewIsDueAt(Clock::time_point now, size_t want) const {
  const Clock::time_point reports_at = pool_->ReportsDueAt();
  const Clock::time_point renew_at = pool_->Held() > 0 ? renew_at_ : Clock::time_point::max();
  if (!in_flight_.empty()) {
    const size_t parked_want = in_flight_.front().want;
    if (want > parked_want || (draining_ && parked_want > 0)) return now;
    return std::min(reports_at, renew_at);
  }
  if (reports_at != Clock::time_point::max()) return std::min(reports_at, renew_at);
  if (want > 0) return now;
  return std::min(renew_at, quiet_since_ + kBeforeParking);
}

Exchanger::Exchange Exchanger::MakeNew(Clock::time_point now, size_t want) {
  ++sequence_;
  Exchange exchange{.sequence = sequence_,
                    .wait_ms = options_.poll_wait_ms,
                    .answered = AnsweredBefore(sequence_)};
  size_t promised = pool_->Held();
  for (const InFlight& other : in_flight_) promised += other.want;
  exchange.want =
      std::min(want, wire::kExchangeItemsMax - std::min(promised, wire::kExchangeItemsMax));
  exchange.reports = pool_->TakeReports();
  if (now >= renew_at_) Renew(now, &exchange);
  return exchange;
}

Exchanger::Exchange Exchanger::TakeUnanswered(Clock::time_point now) {
  Exchange exchange = std::move(unanswered_.front());
  unanswered_.erase(unanswered_.begin());
  exchange.repeated = true;
  exchange.wait_ms = 0;
  exchange.answered = AnsweredBefore(exchange.sequence);
  Renew(now, &exchange);
  return exchange;
}

void Exchanger::Renew(Clock::time_point now, Exchange* exchange) {
  exchange->renew = pool_->HeldTokens();
  if (exchange->renew.size() > wire::kExchangeItemsMax)
    exchange->renew.resize(wire::kExchangeItemsMax);
  renew_at_ = now + milliseconds(pool_->ShortestLeaseMs() / 3);
}

uint64_t Exchanger::AnsweredBefore(uint64_t sequence) const {
  for (const InFlight& other : in_flight_) sequence = std::min(sequence, other.sequence);
  for (const Exchange& other : unanswered_) sequence = std::min(sequence, other.sequence);
  return sequence - 1;
}

Result<wire::ExchangeAnswer> Exchanger::Ask(ServerConnection* client, const Exchange& exchange,
                                            const std::optional<Last>& last) const {
  wire::ExchangeRequest request{.worker = options_.worker,
                                .build = options_.build,
                                .incarnation = IncarnationText(options_.incarnation),
                                .sequence = exchange.sequence,
                                .answered = exchange.answered,
                                .queues = options_.queues,
                                .types = types_,
                                .want = exchange.want,
                                .wait_ms = exchange.wait_ms,
                                .renew = exchange.renew};
  request.reports.reserve(exchange.reports.size());
  for (const Report& report : exchange.reports) request.reports.push_back(report.json);
  if (last) request.goodbye = true, request.reason = last->reason;
  const std::string body = wire::EncodeExchange(request);
  const int64_t patience_ms = last ? options_.goodbye_ms : exchange.wait_ms + kAnswerMs;
  TREADLE_ASSIGN_OR_RETURN(ServerAnswer response,
                           client->Call("POST", "/v1/exchange", body, patience_ms));
  Result<wire::ExchangeAnswer> answer = wire::ParseExchangeAnswer(std::move(response.body));
  if (answer.ok()) return answer;
  return Status(answer.status().code(),
                options_.client.server +
                    " does not respond like a Treadle server: " + answer.status().message());
}

void Exchanger::Settle(Exchange exchange, Result<wire::ExchangeAnswer> answer) {
  std::vector<std::string> lines;
  {
    MutexLock lock(mutex_);
    std::erase_if(in_flight_,
                  [&](const InFlight& other) { return other.sequence == exchange.sequence; });
    if (answer.ok()) {
      Apply(std::move(exchange), *std::move(answer));
    } else {
      Fail(std::move(exchange), answer.status());
    }
    wake_.notify_all();
    lines.swap(task_lines_);
  }
  options_.progressed();
  for (const std::string& line : lines) options_.task_line(line);
}

void Exchanger::Apply(Exchange exchange, wire::ExchangeAnswer answer) {
  quiet_since_ = Clock::now();
  if (lost_since_) {
    const auto away = std::chrono::duration_cast<milliseconds>(quiet_since_ - *lost_since_);
    options_.log("the server at " + options_.client.server + " is reachable again after " +
                 std::to_string(away.count()) + " ms");
    lost_since_.reset();
  }
  size_t lost = 0;
  if (!answer.lost.empty()) {
    lost = pool_->Lose(answer.lost);
    if (lost > 0)
      options_.log(std::to_string(lost) + " lease(s) lost, the first of " + answer.lost.front() +
                   ": cancelled here and run again elsewhere");
  }
  if (!answer.cancelled.empty()) pool_->Cancel(answer.cancelled);
  const bool says_something = SaysSomething(exchange, answer, lost);
  const bool is_reported = ApplyReports(std::move(exchange.reports), answer.reports);
  if (says_something) said_nothing_ = 0;
  if (is_reported && says_something) {
    backoff_.Reset();
  } else if (!is_reported || ++said_nothing_ > kNothingMax) {
    if (said_nothing_ == kNothingMax + 1)
      options_.log("the server at " + options_.client.server +
                   " returns empty replies at once instead of waiting; asking less often");
    RetryLater(0);
  }
  if (answer.leases.empty()) return;
  pool_->Put(std::move(answer.leases), exchange.repeated);
  renew_at_ = std::min(renew_at_, quiet_since_ + milliseconds(pool_->ShortestLeaseMs() / 3));
}

// Else it was no answer worth asking for again at once. One that a newer exchange has ended says
// nothing either, and is as it should be.
bool Exchanger::SaysSomething(const Exchange& exchange, const wire::ExchangeAnswer& answer,
                              size_t lost) const {
  const bool has_work =
      std::any_of(answer.leases.begin(), answer.leases.end(), [this](const wire::Lease& lease) {
        return std::find(types_.begin(), types_.end(), lease.type) != types_.end();
      });
  return has_work || lost > 0 || !exchange.reports.empty() || exchange.repeated ||
         exchange.sequence != sequence_ || quiet_since_ - exchange.asked_at >= kAtOnce;
}

bool Exchanger::ApplyReports(std::vector<Report> reports,
                             const std::vector<wire::ReportAnswer>& answers) {
  std::vector<Report> again;
  std::vector<Report> fallbacks;
  for (size_t i = 0; i < reports.size(); ++i) {
    Report& report = reports[i];
    auto answer = answers.begin() + static_cast<ptrdiff_t>(std::min(i, answers.size()));
    if (answer == answers.end() || answer->token != report.token) {
      answer = std::find_if(answers.begin(), answers.end(),
                            [&](const auto& other) { return other.token == report.token; });
    }
    if (answer == answers.end() || MayWorkLater(answer->code)) {
      again.push_back(std::move(report));
    } else if (answer->code == Code::kInvalidArgument && !report.is_fallback) {
      options_.log("the server cannot accept the report for " + report.token + ": " +
                   answer->detail);
      // The server has ended the attempt by now; one before 0.4 leaves it to the worker, and then
      // it was the result.
      fallbacks.push_back(
          Fallback(report.token, "result_invalid", answer->detail, /*retry=*/false));
    } else if (answer->code != Code::kOk) {
      options_.log("the report for " + report.token + " was rejected and is dropped: " +
                   std::string(CodeName(answer->code)) + " " + answer->detail);
    } else if (!report.line.empty() && options_.task_line) {
      task_lines_.push_back(std::move(report.line) + WhatFollows(*answer));
    }
  }
  const bool is_done = again.empty();
  if (!is_done) pool_->PutBack(std::move(again));
  if (!fallbacks.empty()) pool_->PutBack(std::move(fallbacks));
  return is_done;
}

// One of the reports may be why the server refused them all. Each is now sent alone; one that is
// refused alone is replaced by the failure of its attempt, and that, at last, is dropped: its lease
// ends by itself.
void Exchanger::SendApart(std::vector<Report> reports, const Status& why) {
  if (reports.size() == 1) {
    Report& report = reports.front();
    options_.log("the server cannot accept the report for " + report.token + ": " + why.message());
    if (report.is_fallback) return;
    report = Fallback(report.token, "report_invalid", why.message(), /*retry=*/true);
  }
  for (Report& report : reports) report.goes_alone = true;
  pool_->PutBack(std::move(reports));
}

void Exchanger::Fail(Exchange exchange, const Status& why) {
  if (IsAboutContent(why.code()) && !exchange.reports.empty()) {
    renew_at_ = Clock::now();  // what it was to renew waits for that
    return SendApart(std::move(exchange.reports), why);
  }
  const bool is_newest = exchange.sequence == sequence_;
  if (!is_newest && !MayWorkLater(why.code()) && why.code() != Code::kCancelled) {
    pool_->PutBack(std::move(exchange.reports));  // the server wants no older one any more
    return;
  }
  if (IsRefusal(why.code())) {
    failure_ = why;
    stopped_ = true;
    unanswered_.push_back(std::move(exchange));
    return;
  }
  // What is wrong with the answers of a wrong server is news, though the right one was lost before.
  const bool is_news = !lost_since_ || (why.code() == Code::kInternal && lost_code_ != why.code());
  if (is_news && !stopped_) {
    if (!lost_since_) lost_since_ = Clock::now();
    lost_code_ = why.code();
    options_.log(why.message() + "; retrying until it responds");
  }
  const auto place =
      std::find_if(unanswered_.begin(), unanswered_.end(),
                   [&](const Exchange& other) { return other.sequence > exchange.sequence; });
  unanswered_.insert(place, std::move(exchange));
  RetryLater(why.retry_after_ms());
}

void Exchanger::RetryLater(int64_t at_least_ms) {
  const Clock::time_point now = Clock::now();
  if (now < retry_at_) return;  // both connections broke, for one reason
  retry_at_ =
      now + milliseconds(std::max(backoff_.NextMs(), std::min<int64_t>(at_least_ms, 60'000)));
}

}  // namespace treadle::worker
