package treadle

import (
	"context"
	"sync"
	"time"

	"treadle/internal/http1"
)

// sharer lets goroutines that enqueue at the same time share one request. A caller sends at once when
// nothing is under way. Otherwise it waits for that to return, at most linger, and whoever is first
// then sends for all that wait. Any goroutine.
type sharer struct {
	linger time.Duration
	send   sendFunc

	mutex    sync.Mutex
	underWay int
	waiting  []*sharedTask
}

type sharedTask struct {
	task    *encodedTask
	done    chan struct{}
	answer  answered
	isTaken bool
}

// enqueue returns what became of this very task, whatever became of others in the same request.
func (s *sharer) enqueue(ctx context.Context, task *encodedTask) (Enqueued, error) {
	s.mutex.Lock()
	if s.underWay == 0 {
		s.underWay++
		s.mutex.Unlock()
		enqueued, err := s.send(ctx, []*encodedTask{task})
		s.next()
		if err != nil {
			return Enqueued{}, err
		}
		return enqueued[0], nil
	}
	mine := &sharedTask{task: task, done: make(chan struct{})}
	s.waiting = append(s.waiting, mine)
	s.mutex.Unlock()
	return s.wait(ctx, mine)
}

func (s *sharer) wait(ctx context.Context, mine *sharedTask) (Enqueued, error) {
	timer := time.NewTimer(s.linger)
	defer timer.Stop()
	for {
		select {
		case <-mine.done:
			return mine.answer.enqueued, mine.answer.err
		case <-timer.C:
			if group := s.takeWith(mine); group != nil {
				s.sendGroup(group)
				s.next()
			}
		case <-ctx.Done():
			s.leave(mine)
			return Enqueued{}, http1.FromContext(ctx)
		}
	}
}

// next sends what waits, if nothing else is under way.
func (s *sharer) next() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.underWay--
	if s.underWay > 0 || len(s.waiting) == 0 {
		return
	}
	group := s.take()
	go func() {
		s.sendGroup(group)
		s.next()
	}()
}

// take counts as a request under way.
func (s *sharer) take() []*sharedTask {
	tasks := make([]*encodedTask, len(s.waiting))
	for i, each := range s.waiting {
		tasks[i] = each.task
	}
	count := batchOf(tasks)
	group := s.waiting[:count:count]
	s.waiting = s.waiting[count:]
	for _, each := range group {
		each.isTaken = true
	}
	s.underWay++
	return group
}

// takeWith returns the group that mine begins; nil: another request has it, or will soon.
func (s *sharer) takeWith(mine *sharedTask) []*sharedTask {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if mine.isTaken || len(s.waiting) == 0 {
		return nil
	}
	return s.take()
}

func (s *sharer) leave(mine *sharedTask) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i, each := range s.waiting {
		if each == mine {
			s.waiting = append(s.waiting[:i:i], s.waiting[i+1:]...)
			return
		}
	}
}

// The end of one caller's context must not end the request of the others.
func (s *sharer) sendGroup(group []*sharedTask) {
	tasks := make([]*encodedTask, len(group))
	for i, each := range group {
		tasks[i] = each.task
	}
	for i, answer := range sendApart(context.Background(), s.send, tasks) {
		group[i].answer = answer
		close(group[i].done)
	}
}
