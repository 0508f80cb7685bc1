// Command go_client measures the peers that have an official client in Go (Faktory, NATS JetStream, RabbitMQ, River), and
// Treadle's Go SDK.
//
//	go_client PEER enqueue|drain|latency --port N [--name value]...
//
// It does the work and prints one JSON object. bench/peers/clients/README.md has the options; bench/peers/peers.py calls it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

// Peer is a connection to a server, ready for tasks. Its methods may be called at the same time.
type Peer interface {
	// NewProducer returns a function for one caller: it returns when the server has acknowledged every payload.
	NewProducer() (func(payloads [][]byte) error, error)
	// Consume begins to take tasks: handle is called for each, at the same time, and the task is acknowledged afterwards.
	// The returned function ends that, and returns when the server has read all acknowledgements.
	Consume(handle func(payload []byte)) (stop func() error, err error)
	Close()
}

// Work is how much of it is done.
type Work struct {
	Seconds float64 // at most so long
	Tasks   int64   // and at most so many; 0: as many as go
	Callers int     // producers, or consumers where the peer has several
	Batch   int     // tasks of one call
	Rate    int     // tasks a second, for latency
	Payload int     // bytes
}

var peers = map[string]func(port int, work Work) (Peer, error){
	"faktory": openFaktory, "nats": openNats, "rabbitmq": openRabbitMq, "river": openRiver, "treadle": openTreadle,
}

var verbs = map[string]func(peer Peer, work Work) (Answer, error){
	"enqueue": enqueue, "drain": drain, "latency": latency,
}

// Answer is what is printed.
type Answer struct {
	Tasks       int64   `json:"tasks"`
	Seconds     float64 `json:"seconds"`
	LatenciesUs []int64 `json:"latencies_us,omitempty"`
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "go_client:", err)
	os.Exit(1)
}

func main() {
	if len(os.Args) < 3 || peers[os.Args[1]] == nil || verbs[os.Args[2]] == nil {
		fail(fmt.Errorf("call it with PEER VERB [--name value]..."))
	}
	var work Work
	options := flag.NewFlagSet("go_client", flag.ExitOnError)
	port := options.Int("port", 0, "of the server")
	options.Float64Var(&work.Seconds, "seconds", 1, "at most so long")
	options.Int64Var(&work.Tasks, "tasks", 0, "at most so many")
	options.IntVar(&work.Callers, "callers", 1, "at the same time")
	options.IntVar(&work.Batch, "batch", 1, "tasks of one call")
	options.IntVar(&work.Rate, "rate", 1000, "tasks a second")
	options.IntVar(&work.Payload, "payload", 256, "bytes")
	if err := options.Parse(os.Args[3:]); err != nil {
		fail(err)
	}
	peer, err := peers[os.Args[1]](*port, work)
	if err != nil {
		fail(err)
	}
	answer, err := verbs[os.Args[2]](peer, work)
	if err != nil {
		fail(err)
	}
	peer.Close()
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fail(err)
	}
}

// payload is a number, which makes it unlike all others, and dots up to its size.
func payload(number int64, bytes int) []byte {
	text := fmt.Appendf(make([]byte, 0, bytes), "%d ", number)
	for len(text) < bytes {
		text = append(text, '.')
	}
	return text
}

func since(begun time.Time) float64 { return time.Since(begun).Seconds() }
