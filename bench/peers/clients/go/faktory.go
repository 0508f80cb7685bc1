package main

import (
	"fmt"
	"sync"
	"sync/atomic"

	faktory "github.com/contribsys/faktory/client"
)

const (
	faktoryWorkers = 20 // the concurrency of its official worker, unless told otherwise
	faktoryQueue   = "default"
	faktoryType    = "task"
)

// faktoryPeer has a connection of its own for each producer and each worker, as the official worker has.
type faktoryPeer struct{ server *faktory.Server }

func openFaktory(port int, _ Work) (Peer, error) {
	server := faktory.DefaultServer()
	server.Address = fmt.Sprintf("127.0.0.1:%d", port)
	return &faktoryPeer{server}, nil
}

func (p *faktoryPeer) NewProducer() (func([][]byte) error, error) {
	client, err := faktory.Dial(p.server, "")
	if err != nil {
		return nil, err
	}
	return func(payloads [][]byte) error {
		if len(payloads) == 1 {
			return client.Push(faktory.NewJob(faktoryType, string(payloads[0])))
		}
		jobs := make([]*faktory.Job, len(payloads))
		for i, payload := range payloads {
			jobs[i] = faktory.NewJob(faktoryType, string(payload))
		}
		refused, err := client.PushBulk(jobs)
		if err == nil && len(refused) > 0 {
			err = fmt.Errorf("Faktory refused %d of %d jobs", len(refused), len(jobs))
		}
		return err
	}, nil
}

// faktoryWorker takes a job, handles it, acknowledges it: what the official worker does, but for the up to two seconds
// that it waits at its start.
type faktoryWorker struct {
	client *faktory.Client
	works  sync.Mutex // from a job to the answer to its acknowledgement
	ends   atomic.Bool
}

func (w *faktoryWorker) run(handle func([]byte)) {
	for !w.ends.Load() {
		job, err := w.client.Fetch(faktoryQueue)
		if err == nil && job != nil {
			err = w.work(job, handle)
		}
		if err != nil && !w.ends.Load() {
			fail(err)
		}
	}
}

func (w *faktoryWorker) work(job *faktory.Job, handle func([]byte)) error {
	w.works.Lock()
	defer w.works.Unlock()
	if w.ends.Load() {
		return nil // it could not be acknowledged any more
	}
	handle([]byte(job.Args[0].(string)))
	return w.client.Ack(job.Jid)
}

// end returns when all that was handled is acknowledged; a worker that waits for jobs does so no longer.
func (w *faktoryWorker) end() {
	w.ends.Store(true)
	w.works.Lock()
	defer w.works.Unlock()
	_ = w.client.Close()
}

func (p *faktoryPeer) Consume(handle func([]byte)) (func() error, error) {
	faktory.RandomProcessWid = "go_client" // what makes connections those of a worker
	var workers []*faktoryWorker
	for range faktoryWorkers {
		client, err := faktory.Dial(p.server, "")
		if err != nil {
			return nil, err
		}
		workers = append(workers, &faktoryWorker{client: client})
	}
	for _, worker := range workers {
		go worker.run(handle)
	}
	return func() error {
		for _, worker := range workers {
			worker.end()
		}
		return nil
	}, nil
}

func (p *faktoryPeer) Close() {}
