// Orders with Treadle: a charge that is retried, and a receipt that is mailed later.
//
// Worker: go run . work. Producer: go run . TREADLE_SERVER names the server.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"treadle"
)

type Charge struct {
	Order string `json:"order"`
	Cents int    `json:"cents"`
}

type MailReceipt struct {
	Order string `json:"order"`
}

var (
	retried     = treadle.RetryPolicy{MaxAttempts: 6, Base: time.Second}
	chargeTask  = treadle.NewTaskType[Charge, string]("charge", treadle.WithRetry(retried))
	receiptTask = treadle.NewTaskType[MailReceipt, string]("mail_receipt")
	oneSecond   = treadle.WithDelay(time.Second)
	errBankDown = errors.New("no route to the bank")
)

func charge(ctx context.Context, args Charge) (string, error) {
	if task, _ := treadle.TaskOf(ctx); task.Attempt == 1 {
		return "", errBankDown
	}
	return fmt.Sprintf("%s: charged %d cents", args.Order, args.Cents), nil
}

func mailReceipt(ctx context.Context, args MailReceipt) (string, error) {
	return args.Order + ": receipt mailed", nil
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "work" {
		worker := treadle.NewWorker(treadle.WorkerOptions{Concurrency: 20})
		chargeTask.Handle(worker, charge)
		receiptTask.Handle(worker, mailReceipt)
		os.Exit(worker.RunUntilSignal())
	}
	ctx := context.Background()
	client, err := treadle.NewClient(treadle.Options{})
	check(err)
	charged, err := chargeTask.Enqueue(ctx, client, Charge{Order: "A-17", Cents: 250})
	check(err)
	text, err := charged.Get(ctx)
	check(err)
	fmt.Println(text)
	mailed, err := receiptTask.Enqueue(ctx, client, MailReceipt{Order: "A-17"}, oneSecond)
	check(err)
	text, err = mailed.Get(ctx)
	check(err)
	fmt.Println(text)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
