package treadle

import (
	"context"
	"sync"

	"treadle/internal/http1"
)

const (
	streamTasksMax = 10_000
	streamBytesMax = 16 << 20
)

// stream takes tasks without letting their producers wait, and sends them in their order. As many go
// in one request as came while the last one was under way. Its goroutine lives while there is
// something to send. Any goroutine.
type stream struct {
	send sendFunc

	mutex    sync.Mutex
	answered *sync.Cond
	waiting  []streamed
	tasks    int // without an answer
	bytes    int
	given    uint64
	done     uint64
	isBusy   bool
	err      error // the first that no function was told
}

type streamed struct {
	task *encodedTask
	told func(Enqueued, error)
}

func newStream(send sendFunc) *stream {
	s := &stream{send: send}
	s.answered = sync.NewCond(&s.mutex)
	return s
}

func (s *stream) add(task *encodedTask, told func(Enqueued, error)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for s.tasks > 0 && (s.tasks >= streamTasksMax || s.bytes+len(task.json) > streamBytesMax) {
		s.answered.Wait()
	}
	s.tasks++
	s.given++
	s.bytes += len(task.json)
	s.waiting = append(s.waiting, streamed{task, told})
	if !s.isBusy {
		s.isBusy = true
		go s.run()
	}
}

func (s *stream) flush(ctx context.Context) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	err := s.err
	s.err = nil
	return err
}

// wait returns when all that was taken before has its answer.
func (s *stream) wait(ctx context.Context) error {
	if ctx.Done() != nil {
		finished := make(chan struct{})
		defer close(finished)
		go func() {
			select {
			case <-ctx.Done():
				s.mutex.Lock()
				s.answered.Broadcast()
				s.mutex.Unlock()
			case <-finished:
			}
		}()
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for all := s.given; s.done < all; s.answered.Wait() {
		if ctx.Err() != nil {
			return http1.FromContext(ctx)
		}
	}
	return nil
}

func (s *stream) run() {
	for {
		group := s.next()
		if group == nil {
			return
		}
		tasks := make([]*encodedTask, len(group))
		bytes := 0
		for i, each := range group {
			tasks[i] = each.task
			bytes += len(each.task.json)
		}
		var unheard error
		for i, answer := range sendApart(context.Background(), s.send, tasks) {
			err := answer.err
			if told := group[i].told; told != nil {
				err = guardedCall("a function of EnqueueAsync", func() { told(answer.enqueued, answer.err) })
			}
			if unheard == nil {
				unheard = err
			}
		}
		s.mutex.Lock()
		s.tasks -= len(group)
		s.bytes -= bytes
		s.done += uint64(len(group))
		if s.err == nil {
			s.err = unheard
		}
		s.answered.Broadcast()
		s.mutex.Unlock()
	}
}

// next returns what goes in one request; nil: nothing waits, and the goroutine ends.
func (s *stream) next() []streamed {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.waiting) == 0 {
		s.isBusy = false
		s.waiting = nil
		return nil
	}
	tasks := make([]*encodedTask, len(s.waiting))
	for i, each := range s.waiting {
		tasks[i] = each.task
	}
	count := batchOf(tasks)
	group := s.waiting[:count:count]
	s.waiting = s.waiting[count:]
	return group
}
