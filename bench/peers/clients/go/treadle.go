package main

import (
	"context"
	"fmt"

	"treadle"
)

const (
	treadleType        = "task"
	treadleConcurrency = 100
)

// treadlePeer has one client for all producers. A call with one task is a request of its own, as with the other peers.
type treadlePeer struct{ client *treadle.Client }

func openTreadle(port int, work Work) (Peer, error) {
	client, err := treadle.NewClient(treadle.Options{
		Servers: []string{fmt.Sprintf("http://127.0.0.1:%d", port)}, Connections: max(work.Callers, 4), Linger: -1,
	})
	return &treadlePeer{client}, err
}

func (p *treadlePeer) NewProducer() (func([][]byte) error, error) {
	return func(payloads [][]byte) error {
		if len(payloads) == 1 {
			_, err := treadle.Enqueue(context.Background(), p.client, treadleType, string(payloads[0]))
			return err
		}
		texts := make([]string, len(payloads))
		for i, payload := range payloads {
			texts[i] = string(payload)
		}
		_, err := treadle.EnqueueMany(context.Background(), p.client, treadleType, texts)
		return err
	}, nil
}

// Consume has a worker; stopping it waits until the server has all that it has done.
func (p *treadlePeer) Consume(handle func([]byte)) (func() error, error) {
	worker := treadle.NewWorker(treadle.WorkerOptions{Client: p.client, Concurrency: treadleConcurrency, Quiet: true})
	treadle.HandleFunc(worker, treadleType, func(_ context.Context, payload string) error {
		handle([]byte(payload))
		return nil
	})
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(context.Background()) }()
	return func() error {
		worker.Stop()
		return <-ended
	}, nil
}

func (p *treadlePeer) Close() { _ = p.client.Close() }
