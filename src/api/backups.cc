// Backups: make one, and see which there are. They are files on the server's machine.

#include <string>
#include <utility>

#include "api/handlers.h"
#include "json/writer.h"

namespace treadle::api {
namespace {

using http::ProblemResponse;
using http::RequestContext;
using http::Responder;

std::string_view BackupStateName(BackupView::State state) {
  switch (state) {
    case BackupView::State::kRunning:
      return "running";
    case BackupView::State::kDone:
      return "done";
    case BackupView::State::kFailed:
      return "failed";
  }
  return "";
}

void WriteBackup(const BackupView& backup, JsonWriter* out) {
  out->Open('{').Key("name").Text(backup.name);
  out->Key("state").PlainText(BackupStateName(backup.state));
  out->Key("bytes_done").Number(backup.bytes_done);
  out->Key("bytes_total").Number(backup.bytes_total);
  if (backup.frame != 0) out->Key("frame").Number(backup.frame);
  if (backup.taken_at.ms != 0) out->Key("taken_at").Time(backup.taken_at);
  if (!backup.error.empty()) out->Key("error").Text(backup.error);
  out->Close('}');
}

http::Response OneBackup(const BackupView& view, int status) {
  std::string body;
  JsonWriter out(&body);
  WriteBackup(view, &out);
  return JsonResponse(status, std::move(body));
}

http::Response AllBackups(const BackupList& list) {
  std::string body;
  JsonWriter out(&body);
  out.Open('{').Key("directory").Text(list.directory).Key("backups").Open('[');
  for (const BackupView& view : list.backups) WriteBackup(view, &out);
  out.Close(']').Close('}');
  return JsonResponse(200, std::move(body));
}

}  // namespace

void StartBackup(const Api& api, RequestContext& context, Responder responder) {
  if (!HasNoQuery(context, &responder)) return;
  if (const Status status = CheckNoFields(&context); !status.ok())
    return responder.Send(ProblemResponse(status));
  api.node->Do(treadle::StartBackup{}, Answering(std::move(responder), [](const BackupView& view) {
                 return OneBackup(view, 202);
               }));
}

void ListBackups(const Api& api, RequestContext& context, Responder responder) {
  if (!HasNoQuery(context, &responder)) return;
  api.node->Do(treadle::ListBackups{}, Answering(std::move(responder), AllBackups));
}

void GetBackup(const Api& api, RequestContext& context, Responder responder) {
  if (!HasNoQuery(context, &responder)) return;
  api.node->Do(
      treadle::GetBackup{std::string(context.PathParameter("backup"))},
      Answering(std::move(responder), [](const BackupView& view) { return OneBackup(view, 200); }));
}

}  // namespace treadle::api
