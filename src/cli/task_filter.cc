#include "cli/task_filter.h"

#include "client/wire.h"

namespace treadle::cli {

void AddFilterFlags(Command& command, TaskFilter* filter) {
  command
      .Choice("-s,--state",
              {"scheduled", "ready", "running", "retrying", "completed", "dead", "cancelled",
               "expired"},
              &filter->state, "Only tasks in this state")
      .Text("-q,--queue", "NAME", &filter->queue, "Only tasks of this queue")
      .Text("-t,--type", "TYPE", &filter->type, "Only tasks of this type")
      .Text("--tag", "TAG", &filter->tag, "Only tasks with this tag")
      .Text("--key", "KEY", &filter->key, "Only tasks with this idempotency key")
      .Text("--worker", "NAME", &filter->worker, "Only tasks that this worker is running")
      .Text("--error-code", "CODE", &filter->error_code, "Only tasks with this error code")
      .Text("--fingerprint", "HEX", &filter->fingerprint,
            "Only tasks with this error fingerprint (see task errors)")
      .Text("--text", "WORDS", &filter->text, "Only tasks whose error has all of these words")
      .Text("--payload-text", "WORDS", &filter->payload_text,
            "Only tasks whose payload has all of these words, in queues that search payloads")
      .Text("--enqueued-from", "RFC3339", &filter->enqueued_from,
            "Only tasks enqueued at or after this time")
      .Text("--enqueued-to", "RFC3339", &filter->enqueued_to,
            "Only tasks enqueued before this time")
      .Text("--finished-from", "RFC3339", &filter->finished_from,
            "Only tasks that ended at or after this time")
      .Text("--finished-to", "RFC3339", &filter->finished_to,
            "Only tasks that ended before this time");
}

std::string QueryOf(const TaskFilter& filter) {
  std::string query;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    query.append(query.empty() ? "" : "&").append(name).append("=");
    query.append(wire::PercentEncode(value));
  };
  add("state", filter.state);
  add("queue", filter.queue);
  add("type", filter.type);
  add("tag", filter.tag);
  add("key", filter.key);
  add("worker", filter.worker);
  add("error_code", filter.error_code);
  add("fingerprint", filter.fingerprint);
  add("text", filter.text);
  add("payload_text", filter.payload_text);
  add("enqueued_from", filter.enqueued_from);
  add("enqueued_to", filter.enqueued_to);
  add("finished_from", filter.finished_from);
  add("finished_to", filter.finished_to);
  return query;
}

}  // namespace treadle::cli
