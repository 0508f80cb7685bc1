// Reports with net/http. Web: go run . -listen 127.0.0.1:8080. Worker: go run . work.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"strings"

	"treadle"
)

type Order struct {
	Month string `json:"month"`
}

type Report struct {
	Month string `json:"month"`
	Pages int    `json:"pages"`
}

var report = treadle.NewTaskType[Order, Report]("report", treadle.WithMaxAttempts(6))

func makeReport(ctx context.Context, order Order) (Report, error) {
	return Report{Month: order.Month, Pages: 3}, nil
}

type web struct{ client *treadle.Client }

func (w web) create(out http.ResponseWriter, request *http.Request) {
	var order Order
	if err := json.NewDecoder(request.Body).Decode(&order); err != nil {
		answer(out, http.StatusBadRequest, map[string]any{"error": err.Error()})
		return
	}
	var options []treadle.Option
	if key := request.Header.Get("Idempotency-Key"); key != "" {
		options = append(options, treadle.WithKey(key))
	}
	handle, err := report.Enqueue(request.Context(), w.client, order, options...)
	if err != nil {
		refuse(out, err)
		return
	}
	answer(out, http.StatusAccepted, map[string]any{"id": handle.ID})
}

func (w web) show(out http.ResponseWriter, request *http.Request) {
	id := strings.TrimPrefix(request.URL.Path, "/reports/")
	task, err := w.client.Get(request.Context(), id)
	if err == nil && task.Type != report.Name() {
		err = treadle.ErrNotFound
	}
	if err != nil {
		refuse(out, err)
		return
	}
	answer(out, http.StatusOK, map[string]any{"state": task.State, "result": task.ResultJSON})
}

func refuse(out http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	switch {
	case errors.Is(err, treadle.ErrInvalidArgument):
		status = http.StatusBadRequest
	case errors.Is(err, treadle.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, treadle.ErrAlreadyExists):
		status = http.StatusConflict
	}
	answer(out, status, map[string]any{"error": err.Error()})
}

func answer(out http.ResponseWriter, status int, body any) {
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(status)
	_ = json.NewEncoder(out).Encode(body)
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address of the web server")
	flag.Parse()
	if flag.Arg(0) == "work" {
		worker := treadle.NewWorker(treadle.WorkerOptions{})
		report.Handle(worker, makeReport)
		os.Exit(worker.RunUntilSignal())
	}
	client, err := treadle.NewClient(treadle.Options{})
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/reports", web{client}.create)
	http.HandleFunc("/reports/", web{client}.show)
	log.Fatal(http.ListenAndServe(*listen, nil))
}
