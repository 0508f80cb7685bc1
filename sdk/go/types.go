package treadle

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"treadle/internal/http1"
)

// TypeInfo is a task type as the server shows it.
type TypeInfo struct {
	Name   string     `json:"name"`
	Policy TypePolicy `json:"policy"`
	// Contracts are the newest first. Lists leave out their schemas.
	Contracts []Contract `json:"contracts"`
	// Created says that the change made the type.
	Created bool `json:"created"`
}

// TypePolicy is what applies to the tasks of a type, in every queue. In a change, what is nil stays as
// it is.
type TypePolicy struct {
	// Retry takes the place of the queues' retry policies. RemoveRetry: those apply again.
	Retry       *RetryPolicy
	RemoveRetry bool
	// AttemptTimeout bounds attempts. 0: the queue decides.
	AttemptTimeout *time.Duration
}

type typePolicyJSON struct {
	Retry          json.RawMessage `json:"retry,omitempty"`
	AttemptTimeout *ms             `json:"attempt_timeout_ms,omitempty"`
}

// MarshalJSON writes the policy with the names of the API.
func (p TypePolicy) MarshalJSON() ([]byte, error) {
	fields := typePolicyJSON{AttemptTimeout: (*ms)(p.AttemptTimeout)}
	if p.RemoveRetry {
		fields.Retry = json.RawMessage("null")
	} else if p.Retry != nil {
		var err error
		if fields.Retry, err = json.Marshal(p.Retry); err != nil {
			return nil, err
		}
	}
	return json.Marshal(&fields)
}

// UnmarshalJSON reads a policy of the API.
func (p *TypePolicy) UnmarshalJSON(text []byte) error {
	var read typePolicyJSON
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*p = TypePolicy{AttemptTimeout: (*time.Duration)(read.AttemptTimeout)}
	if read.Retry == nil {
		return nil
	}
	return json.Unmarshal(read.Retry, &p.Retry)
}

// GetType returns a task type as it is now.
func (c *Client) GetType(ctx context.Context, taskType string) (*TypeInfo, error) {
	return c.taskType(ctx, "GET", taskType, "", nil)
}

// ListTypes returns all task types.
func (c *Client) ListTypes(ctx context.Context) (types []TypeInfo, err error) {
	err = pages("/v1/types", func(target string) (string, error) {
		var page struct {
			Types      []TypeInfo `json:"types"`
			NextCursor string     `json:"next_cursor"`
		}
		err := c.get(ctx, target, 0, &page)
		types = append(types, page.Types...)
		return page.NextCursor, err
	})
	return types, err
}

// PutType changes the policy of a task type, and creates the type if it does not exist.
func (c *Client) PutType(ctx context.Context, taskType string, policy TypePolicy) (*TypeInfo, error) {
	body, err := json.Marshal(policy)
	if err != nil {
		return nil, err
	}
	return c.taskType(ctx, "PUT", taskType, "", body)
}

// DeleteType removes a task type that has no tasks, with its policy and its contracts.
func (c *Client) DeleteType(ctx context.Context, taskType string) error {
	_, err := c.taskType(ctx, "DELETE", taskType, "", nil)
	return err
}

// DeleteContract removes a version of a type's contract. Its tasks continue, and are no longer
// checked.
func (c *Client) DeleteContract(ctx context.Context, taskType string, version int64) error {
	_, err := c.taskType(ctx, "DELETE", taskType, "/contracts/"+strconv.FormatInt(version, 10), nil)
	return err
}

func (c *Client) taskType(ctx context.Context, method, taskType, rest string, body []byte) (*TypeInfo, error) {
	found := new(TypeInfo)
	err := c.send(ctx, http1.Request{Method: method, Target: "/v1/types/" + url.PathEscape(taskType) + rest,
		Body: body, Repeatable: true}, found)
	if err != nil {
		return nil, err
	}
	return found, nil
}
