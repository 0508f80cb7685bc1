package main

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	natsPulled     = 1_000  // messages that a consumer has asked for
	natsAckPending = 10_000 // messages that may wait for their acknowledgement
)

// natsPeer is a work-queue stream on disk and its one durable consumer. All callers share one connection, as advised.
type natsPeer struct {
	connection *nats.Conn
	stream     jetstream.JetStream
	consumer   jetstream.Consumer
}

func openNats(port int, work Work) (Peer, error) {
	connection, err := nats.Connect(fmt.Sprintf("nats://127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	stream, err := jetstream.New(connection, jetstream.WithPublishAsyncMaxPending(max(work.Callers*work.Batch, 1)))
	if err != nil {
		return nil, err
	}
	_, err = stream.CreateOrUpdateStream(context.Background(), jetstream.StreamConfig{
		Name: "tasks", Subjects: []string{"tasks"}, Storage: jetstream.FileStorage, Retention: jetstream.WorkQueuePolicy,
	})
	if err != nil {
		return nil, err
	}
	consumer, err := stream.CreateOrUpdateConsumer(context.Background(), "tasks", jetstream.ConsumerConfig{
		Durable: "workers", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: natsAckPending,
	})
	return &natsPeer{connection, stream, consumer}, err
}

func (p *natsPeer) NewProducer() (func([][]byte) error, error) {
	return func(payloads [][]byte) error {
		if len(payloads) == 1 {
			_, err := p.stream.Publish(context.Background(), "tasks", payloads[0])
			return err
		}
		futures := make([]jetstream.PubAckFuture, len(payloads))
		for i, payload := range payloads {
			var err error
			if futures[i], err = p.stream.PublishAsync("tasks", payload); err != nil {
				return err
			}
		}
		for _, future := range futures {
			select {
			case <-future.Ok():
			case err := <-future.Err():
				return err
			}
		}
		return nil
	}, nil
}

func (p *natsPeer) Consume(handle func([]byte)) (func() error, error) {
	consuming, err := p.consumer.Consume(func(message jetstream.Msg) {
		handle(message.Data())
		if err := message.Ack(); err != nil {
			fail(err)
		}
	}, jetstream.PullMaxMessages(natsPulled))
	if err != nil {
		return nil, err
	}
	return func() error {
		consuming.Stop()
		return p.connection.Flush() // the server has read every acknowledgement before it answers
	}, nil
}

func (p *natsPeer) Close() { p.connection.Close() }
