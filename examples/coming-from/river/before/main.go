// Orders with River: a charge that is retried, and a receipt that is mailed later.
//
// Once: go run . migrate. Worker: go run . work. Producer: go run . DATABASE_URL names the database.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

type Charge struct {
	Order string `json:"order"`
	Cents int    `json:"cents"`
}

func (Charge) Kind() string                 { return "charge" }
func (Charge) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: 6} }

type MailReceipt struct {
	Order string `json:"order"`
}

func (MailReceipt) Kind() string { return "mail_receipt" }

func charge(ctx context.Context, job *river.Job[Charge]) error {
	if job.Attempt == 1 {
		return errors.New("no route to the bank")
	}
	return river.RecordOutput(ctx, fmt.Sprintf("%s: charged %d cents", job.Args.Order, job.Args.Cents))
}

func mailReceipt(ctx context.Context, job *river.Job[MailReceipt]) error {
	return river.RecordOutput(ctx, job.Args.Order+": receipt mailed")
}

func main() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	check(err)
	driver := riverpgxv5.New(pool)
	if len(os.Args) > 1 {
		map[string]func(context.Context, *riverpgxv5.Driver){"migrate": migrate, "work": work}[os.Args[1]](ctx, driver)
		return
	}
	client, err := river.NewClient(driver, &river.Config{})
	check(err)
	charged, err := client.Insert(ctx, Charge{Order: "A-17", Cents: 250}, nil)
	check(err)
	fmt.Println(output(ctx, client, charged.Job.ID))
	later := &river.InsertOpts{ScheduledAt: time.Now().Add(time.Second)}
	mailed, err := client.Insert(ctx, MailReceipt{Order: "A-17"}, later)
	check(err)
	fmt.Println(output(ctx, client, mailed.Job.ID))
}

func migrate(ctx context.Context, driver *riverpgxv5.Driver) {
	migrator, err := rivermigrate.New(driver, nil)
	check(err)
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	check(err)
}

func work(ctx context.Context, driver *riverpgxv5.Driver) {
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(charge))
	river.AddWorker(workers, river.WorkFunc(mailReceipt))
	client, err := river.NewClient(driver, &river.Config{
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 20}},
		Workers: workers,
	})
	check(err)
	check(client.Start(ctx))
	stop, cancel := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	<-stop.Done()
	check(client.Stop(ctx))
}

// output asks until the job has completed: a client that only inserts hears of no end.
func output(ctx context.Context, client *river.Client[pgx.Tx], id int64) string {
	for {
		job, err := client.JobGet(ctx, id)
		check(err)
		if job.State == rivertype.JobStateCompleted {
			var text string
			check(json.Unmarshal(job.Output(), &text))
			return text
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
