package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const (
	riverConnections   = 40 // of the pool: one for each caller, and some for the worker
	riverWorkers       = 1_000
	riverFetchCooldown = 2 * time.Millisecond
)

// Task is a job with the payload as its one argument.
type Task struct {
	Payload string `json:"payload"`
}

// Kind names it.
func (Task) Kind() string { return "task" }

type riverPeer struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx] // inserts only
}

func openRiver(port int, _ Work) (Peer, error) {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, fmt.Sprintf("postgres://peers@127.0.0.1:%d/postgres?pool_max_conns=%d", port, riverConnections))
	if err != nil {
		return nil, err
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: riverLogger()})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	// Its notifications of new jobs are no more frequent than its cooldown.
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{FetchCooldown: riverFetchCooldown, Logger: riverLogger()})
	return &riverPeer{pool, client}, err
}

func riverLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (p *riverPeer) NewProducer() (func([][]byte) error, error) {
	return func(payloads [][]byte) error {
		if len(payloads) == 1 {
			_, err := p.client.Insert(context.Background(), Task{string(payloads[0])}, nil)
			return err
		}
		jobs := make([]river.InsertManyParams, len(payloads))
		for i, payload := range payloads {
			jobs[i].Args = Task{string(payload)}
		}
		_, err := p.client.InsertManyFast(context.Background(), jobs)
		return err
	}, nil
}

// Consume has a client that works; stopping it waits until what it has done is written down.
func (p *riverPeer) Consume(handle func([]byte)) (func() error, error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(_ context.Context, job *river.Job[Task]) error {
		handle([]byte(job.Args.Payload))
		return nil
	}))
	client, err := river.NewClient(riverpgxv5.New(p.pool), &river.Config{
		FetchCooldown: riverFetchCooldown,
		Logger:        riverLogger(),
		Queues:        map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: riverWorkers}},
		Workers:       workers,
	})
	if err != nil {
		return nil, err
	}
	if err := client.Start(context.Background()); err != nil {
		return nil, err
	}
	return func() error { return client.Stop(context.Background()) }, nil
}

func (p *riverPeer) Close() { p.pool.Close() }
