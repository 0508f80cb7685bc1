package treadle_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"treadle"
	"treadle/internal/testserver"
)

type base struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

type tree struct {
	base
	Name     *string            `json:"name,omitempty"`
	Children []*tree            `json:"children"`
	Sizes    [2]float64         `json:"sizes"`
	Labels   map[string]uint8   `json:"labels,omitempty"`
	Data     []byte             `json:"data,omitempty"`
	Any      any                `json:"any,omitempty"`
	At       time.Time          `json:"at"`
	Text     int64              `json:"text,string"`
	Raw      json.RawMessage    `json:"raw,omitempty"`
	More     struct{ Yes bool } `json:"more"`
	Hidden   chan int           `json:"-"`
}

func TestSchemasAreMadeFromTypes(t *testing.T) {
	t.Parallel()
	for _, each := range []struct {
		make   func() (json.RawMessage, error)
		wanted string
	}{
		{treadle.SchemaOf[int], `{"type":"integer"}`},
		{treadle.SchemaOf[[]string], `{"items":{"type":"string"},"type":["array","null"]}`},
		{treadle.SchemaOf[*float64], `{"type":["number","null"]}`},
		{treadle.SchemaOf[struct{}], `{"type":"null"}`},
		{treadle.SchemaOf[[]byte], ``},
		{treadle.SchemaOf[treadle.Bytes], ``},
		{treadle.SchemaOf[any], ``},
		{treadle.SchemaOf[tree], `{"allOf":[{"$ref":"#/definitions/tree1"}],"definitions":{"tree1":{"properties":{` +
			`"any":{},"at":{"format":"date-time","type":"string"},` +
			`"children":{"items":{"anyOf":[{"$ref":"#/definitions/tree1"},{"type":"null"}]},"type":["array","null"]},` +
			`"data":{"type":["string","null"]},"id":{"type":"integer"},` +
			`"labels":{"additionalProperties":{"minimum":0,"type":"integer"},"type":["object","null"]},` +
			`"more":{"properties":{"Yes":{"type":"boolean"}},"required":["Yes"],"type":"object"},` +
			`"name":{"type":["string","null"]},"raw":{},` +
			`"sizes":{"items":{"type":"number"},"maxItems":2,"minItems":2,"type":"array"},"text":{"type":"string"}},` +
			`"required":["at","children","id","more","sizes","text"],"type":"object"}}}`},
	} {
		got, err := each.make()
		if err != nil || string(got) != each.wanted {
			t.Errorf("%v\n%s\ninstead of\n%s", err, got, each.wanted)
		}
	}
	_, err := treadle.SchemaOf[struct{ Done []chan int }]()
	if !errors.Is(err, treadle.ErrInvalidArgument) || !strings.Contains(err.Error(), ".Done[] is a chan int") {
		t.Error(err)
	}
}

// The server takes what a producer in Go sends, and refuses what does not fit.
func TestAContractOfTypesHoldsAtTheServer(t *testing.T) {
	t.Parallel()
	p := aPlace(t)
	w := p.worker(treadle.WorkerOptions{})
	treadle.Handle(w.Worker, p.queue, func(_ context.Context, in tree) (int, error) { return len(in.Children), nil },
		treadle.WithTypedContract(treadle.Contract{Description: "of trees"}))
	w.start(t)
	child := tree{Sizes: [2]float64{1, 2}}
	testserver.Until(t, "the contract is registered", func() bool {
		found, err := p.client.GetType(p.ctx, p.queue)
		return err == nil && len(found.Contracts) == 1
	})
	var count int
	if p.result(p.enqueue(p.queue, tree{Children: []*tree{&child, nil}, Data: []byte{1}}), &count); count != 2 {
		t.Error(count)
	}
	_, err := treadle.Enqueue(p.ctx, p.client, p.queue, map[string]any{"id": "one"}, treadle.WithQueue(p.queue))
	if !errors.Is(err, treadle.ErrInvalidArgument) {
		t.Error(err)
	}
	broken := p.worker(treadle.WorkerOptions{})
	treadle.Handle(broken.Worker, "broken", func(context.Context, chan int) (any, error) { return nil, fmt.Errorf("never") },
		treadle.WithTypedContract(treadle.Contract{}))
	if err := broken.Run(p.ctx); !errors.Is(err, treadle.ErrInvalidArgument) {
		t.Error(err)
	}
}
