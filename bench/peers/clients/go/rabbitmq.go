package main

import (
	"context"
	"fmt"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	rabbitConnections = 4   // that the channels of all callers share
	rabbitConsumers   = 8   // each with a channel of its own
	rabbitPrefetch    = 300 // deliveries that a consumer may hold
)

// rabbitPeer is a quorum queue. A caller has a channel, as channels are not to be shared.
type rabbitPeer struct {
	connections []*amqp.Connection
	mutex       sync.Mutex
	opened      int // channels
}

func openRabbitMq(port int, _ Work) (Peer, error) {
	p := &rabbitPeer{}
	for range rabbitConnections {
		connection, err := amqp.Dial(fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", port))
		if err != nil {
			return nil, err
		}
		p.connections = append(p.connections, connection)
	}
	channel, err := p.channel()
	if err != nil {
		return nil, err
	}
	_, err = channel.QueueDeclare("tasks", true, false, false, false, amqp.Table{amqp.QueueTypeArg: amqp.QueueTypeQuorum})
	return p, err
}

func (p *rabbitPeer) channel() (*amqp.Channel, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.opened++
	return p.connections[p.opened%rabbitConnections].Channel()
}

func (p *rabbitPeer) NewProducer() (func([][]byte) error, error) {
	channel, err := p.channel()
	if err != nil {
		return nil, err
	}
	if err := channel.Confirm(false); err != nil {
		return nil, err
	}
	return func(payloads [][]byte) error {
		confirmations := make([]*amqp.DeferredConfirmation, len(payloads))
		for i, payload := range payloads {
			message := amqp.Publishing{DeliveryMode: amqp.Persistent, Body: payload}
			var err error
			confirmations[i], err = channel.PublishWithDeferredConfirmWithContext(context.Background(), "", "tasks", false, false, message)
			if err != nil {
				return err
			}
		}
		for _, confirmation := range confirmations {
			if !confirmation.Wait() {
				return fmt.Errorf("RabbitMQ refused a message")
			}
		}
		return nil
	}, nil
}

// Consume acknowledges each delivery by itself. Closing a channel is a call: the server answers when it has read what came before.
func (p *rabbitPeer) Consume(handle func([]byte)) (func() error, error) {
	var channels []*amqp.Channel
	var consumers sync.WaitGroup
	for range rabbitConsumers {
		channel, err := p.channel()
		if err != nil {
			return nil, err
		}
		if err := channel.Qos(rabbitPrefetch, 0, false); err != nil {
			return nil, err
		}
		deliveries, err := channel.Consume("tasks", "", false, false, false, false, nil)
		if err != nil {
			return nil, err
		}
		channels = append(channels, channel)
		consumers.Go(func() {
			for delivery := range deliveries {
				handle(delivery.Body)
				if err := delivery.Ack(false); err != nil {
					return // the channel is closed; the server gives the delivery to another
				}
			}
		})
	}
	return func() error {
		for _, channel := range channels {
			if err := channel.Close(); err != nil {
				return err
			}
		}
		consumers.Wait()
		return nil
	}, nil
}

func (p *rabbitPeer) Close() {
	for _, connection := range p.connections {
		connection.Close()
	}
}
