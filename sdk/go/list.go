package treadle

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// Filter says which tasks to list: those that match all that is set.
type Filter struct {
	Queue, Type, Tag, Key, Worker string
	State                         State
	ErrorCode, Fingerprint        string
	Text                          string // words in the error
	PayloadText                   string // words in the payload, in queues that search payloads
	EnqueuedFrom, EnqueuedTo      time.Time
	FinishedFrom, FinishedTo      time.Time
	Results                       bool   // whether results are listed
	Limit                         int    // of a page, at most 1,000; 0: 50
	Cursor                        string // TaskPage.NextCursor of the page before
}

// TaskPage is one page of a list, newest first.
type TaskPage struct {
	Tasks []TaskInfo `json:"tasks"`
	// NextCursor is empty on the last page. A page may be short, or empty, and not be the last.
	NextCursor string    `json:"next_cursor"`
	AsOf       time.Time `json:"as_of"`
}

// List returns one page of the tasks that match.
func (c *Client) List(ctx context.Context, filter Filter) (*TaskPage, error) {
	page := new(TaskPage)
	if err := c.get(ctx, "/v1/tasks?"+filter.query().Encode(), 0, page); err != nil {
		return nil, err
	}
	return page, nil
}

// ListAll calls each with every task that matches, page by page, the newest first. It ends with the
// first error of each, and returns that.
func (c *Client) ListAll(ctx context.Context, filter Filter, each func(TaskInfo) error) error {
	for {
		page, err := c.List(ctx, filter)
		if err != nil {
			return err
		}
		for _, task := range page.Tasks {
			if err := each(task); err != nil {
				return err
			}
		}
		if filter.Cursor = page.NextCursor; filter.Cursor == "" {
			return nil
		}
	}
}

func (f *Filter) query() url.Values {
	query := url.Values{}
	for _, each := range []struct{ name, value string }{
		{"queue", f.Queue}, {"type", f.Type}, {"state", string(f.State)}, {"tag", f.Tag},
		{"key", f.Key}, {"worker", f.Worker}, {"error_code", f.ErrorCode},
		{"fingerprint", f.Fingerprint}, {"text", f.Text}, {"payload_text", f.PayloadText},
		{"cursor", f.Cursor},
	} {
		if each.value != "" {
			query.Set(each.name, each.value)
		}
	}
	for _, each := range []struct {
		name string
		at   time.Time
	}{
		{"enqueued_from", f.EnqueuedFrom}, {"enqueued_to", f.EnqueuedTo},
		{"finished_from", f.FinishedFrom}, {"finished_to", f.FinishedTo},
	} {
		if !each.at.IsZero() {
			query.Set(each.name, each.at.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
	}
	if f.Limit > 0 {
		query.Set("limit", strconv.Itoa(f.Limit))
	}
	if f.Results {
		query.Set("results", "true")
	}
	return query
}
