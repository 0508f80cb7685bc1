package main

import (
	"bytes"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	producersAtRate = 4               // at a steady rate
	longestDelay    = 5 * time.Second // of a task behind the end of a measurement of latency
)

// newProducers opens one producer for each caller, so that the clock starts when all are there.
func newProducers(peer Peer, count int) ([]func([][]byte) error, error) {
	producers := make([]func([][]byte) error, count)
	for i := range producers {
		var err error
		if producers[i], err = peer.NewProducer(); err != nil {
			return nil, err
		}
	}
	return producers, nil
}

// enqueue has as many callers as asked, each with one call under way.
func enqueue(peer Peer, work Work) (Answer, error) {
	producers, err := newProducers(peer, work.Callers)
	if err != nil {
		return Answer{}, err
	}
	var claimed, done atomic.Int64
	var group errgroup.Group
	begun := time.Now()
	for _, produce := range producers {
		group.Go(func() error {
			for since(begun) < work.Seconds {
				first := claimed.Add(int64(work.Batch)) - int64(work.Batch)
				if work.Tasks > 0 && first >= work.Tasks {
					break
				}
				batch := make([][]byte, work.Batch)
				for i := range batch {
					batch[i] = payload(first+int64(i), work.Payload)
				}
				if err := produce(batch); err != nil {
					return err
				}
				done.Add(int64(work.Batch))
			}
			return nil
		})
	}
	err = group.Wait()
	return Answer{Tasks: done.Load(), Seconds: since(begun)}, err
}

// drain ends when all are taken, or time is over; acknowledgements count as part of it.
func drain(peer Peer, work Work) (Answer, error) {
	var taken atomic.Int64
	all := make(chan struct{})
	begun := time.Now()
	stop, err := peer.Consume(func([]byte) {
		if taken.Add(1) == work.Tasks {
			close(all)
		}
	})
	if err != nil {
		return Answer{}, err
	}
	select {
	case <-all:
	case <-time.After(time.Duration(work.Seconds * float64(time.Second))):
	}
	err = stop()
	return Answer{Tasks: taken.Load(), Seconds: since(begun)}, err
}

// steady is what producers and consumers of a steady rate share.
type steady struct {
	sync.Mutex
	begun     time.Time
	ended     time.Time // when the last task that has come started
	latencies []int64   // microseconds
	all       chan struct{}
	count     int64
}

// start notes that a task has started; its payload tells when it was due, in nanoseconds after the beginning.
func (s *steady) start(payload []byte) {
	now := time.Now()
	number, _, _ := bytes.Cut(payload, []byte(" "))
	due, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil {
		fail(err)
	}
	s.Lock()
	defer s.Unlock()
	s.ended = now
	s.latencies = append(s.latencies, (now.Sub(s.begun).Nanoseconds()-due)/1000)
	if int64(len(s.latencies)) == s.count {
		close(s.all)
	}
}

// produce sends every producersAtRate-th task at the time it is due, or as soon as it can after that.
func (s *steady) produce(number int64, work Work, send func([][]byte) error) error {
	for task := number; task < s.count; task += producersAtRate {
		due := time.Duration(task * int64(time.Second) / int64(work.Rate))
		time.Sleep(time.Until(s.begun.Add(due)))
		if err := send([][]byte{payload(due.Nanoseconds(), work.Payload)}); err != nil {
			return err
		}
	}
	return nil
}

// latency has a fixed schedule, which does not wait for tasks that are late.
func latency(peer Peer, work Work) (Answer, error) {
	producers, err := newProducers(peer, producersAtRate)
	if err != nil {
		return Answer{}, err
	}
	s := &steady{all: make(chan struct{}), count: int64(work.Seconds * float64(work.Rate))}
	stop, err := peer.Consume(s.start)
	if err != nil {
		return Answer{}, err
	}
	s.begun = time.Now()
	var group errgroup.Group
	for number, send := range producers {
		group.Go(func() error { return s.produce(int64(number), work, send) })
	}
	if err := group.Wait(); err != nil {
		return Answer{}, err
	}
	select {
	case <-s.all:
	case <-time.After(longestDelay):
	}
	err = stop()
	return Answer{Tasks: int64(len(s.latencies)), Seconds: s.ended.Sub(s.begun).Seconds(), LatenciesUs: s.latencies}, err
}
