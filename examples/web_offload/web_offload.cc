// A web server that does not make its visitors wait: what takes long becomes a task.
//
//   web_offload PORT      serves, and runs the tasks in the same process, until Ctrl-C
//
//   POST /invoices  {"customer":"Ada","cents":[100,250]}   202, {"job":"1-42"}, at once
//   GET /invoices/1-42                                     200 with the invoice, or 202 while it
//   waits
//
// The server may die at any time: an invoice that was answered with 202 is on Treadle's disk, and
// is made by whichever copy of this program runs next.

#include <httplib.h>
#include <treadle/client.h>
#include <treadle/worker.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

struct Order {
  std::string customer;
  std::vector<int64_t> cents;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, customer, cents)

struct Invoice {
  std::string text;
  int64_t total_cents = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Invoice, text, total_cents)

namespace {

constexpr const char* kJson = "application/json";

treadle::Result<Invoice> MakeInvoice(const Order& order) {
  if (order.cents.empty())
    return treadle::Status(treadle::Code::kInvalidArgument, "an order needs at least one item");
  Invoice invoice;
  for (const int64_t item : order.cents) invoice.total_cents += item;
  invoice.text = "Invoice for " + order.customer;
  return invoice;
}

void AddRoutes(httplib::Server& web, treadle::Client& client) {
  web.Post("/invoices", [&](const httplib::Request& request, httplib::Response& response) {
    const auto order = treadle::FromJson<Order>(request.body);
    if (!order.ok()) {
      response.status = 400;
      return response.set_content(order.status().message() + "\n", "text/plain");
    }
    // Many requests at the same time share one request to Treadle: see treadle/client.h.
    // [enqueue]
    const auto task = client.Enqueue(
        {.type = "invoice", .queue = "invoices", .payload = treadle::ToJson(*order)});
    response.status = task.ok() ? 202 : 503;
    response.set_content(task.ok() ? "{\"job\":\"" + task->id + "\"}" : "{}", kJson);
    // [enqueue end]
  });
  web.Get(R"(/invoices/([0-9-]+))",
          [&](const httplib::Request& request, httplib::Response& response) {
            const auto task = client.Get(request.matches[1]);
            if (!task.ok()) {
              response.status = task.status().code() == treadle::Code::kNotFound ? 404 : 503;
              return;
            }
            if (task->state == "completed") return response.set_content(task->result, kJson);
            response.status = task->HasEnded() ? 500 : 202;
            response.set_content("{\"state\":\"" + task->state + "\"}", kJson);
          });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: web_offload PORT\n"), 2;
  treadle::Client client;
  httplib::Server web;
  AddRoutes(web, client);
  if (!web.bind_to_port("127.0.0.1", std::atoi(argv[1])))
    return std::fprintf(stderr, "cannot listen on port %s\n", argv[1]), 1;
  std::thread serving([&] { web.listen_after_bind(); });

  treadle::Worker worker({.queues = {"invoices"}});
  worker.Handle("invoice", MakeInvoice);
  const int status = worker.RunUntilSignal();
  web.stop();
  serving.join();
  return status;
}
