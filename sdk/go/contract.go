package treadle

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"treadle/internal/http1"
	"treadle/internal/status"
)

// Contract is what producers and workers of a task type have agreed upon. What is absent is not
// agreed upon.
type Contract struct {
	// Version rises; the highest is the newest. 0: 1.
	Version     int64
	Description string
	// InputSchema and OutputSchema are JSON Schemas, draft 7, of payloads and results.
	InputSchema, OutputSchema json.RawMessage
	ErrorCodes                []ContractError
	// DefaultPriority is that of tasks that are enqueued without one.
	DefaultPriority *int
}

// ContractError says what happens to a task that fails with a code.
type ContractError struct {
	Code        string `json:"code"`
	Retry       string `json:"retry,omitempty"` // "default", "never" or "always"
	Description string `json:"description,omitempty"`
}

type contractJSON struct {
	Description  string            `json:"description,omitempty"`
	InputSchema  json.RawMessage   `json:"input_schema,omitempty"`
	OutputSchema json.RawMessage   `json:"output_schema,omitempty"`
	ErrorCodes   []ContractError   `json:"error_codes,omitempty"`
	Defaults     *contractDefaults `json:"defaults,omitempty"`
}

type contractDefaults struct {
	Priority *int `json:"priority,omitempty"`
}

// UnmarshalJSON reads a contract as the server shows it.
func (c *Contract) UnmarshalJSON(text []byte) error {
	var read struct {
		Version int64 `json:"version"`
		contractJSON
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*c = Contract{Version: read.Version, Description: read.Description, InputSchema: read.InputSchema,
		OutputSchema: read.OutputSchema, ErrorCodes: read.ErrorCodes}
	if read.Defaults != nil {
		c.DefaultPriority = read.Defaults.Priority
	}
	return nil
}

// PutContract registers a version of a type's contract. The same version again is replaced.
func (c *Client) PutContract(ctx context.Context, taskType string, contract Contract) error {
	fields := contractJSON{Description: contract.Description, InputSchema: contract.InputSchema,
		OutputSchema: contract.OutputSchema, ErrorCodes: contract.ErrorCodes}
	if contract.DefaultPriority != nil {
		fields.Defaults = &contractDefaults{contract.DefaultPriority}
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return &Error{Code: status.InvalidArgument, Cause: err,
			Detail: "a schema of type " + taskType + " is not JSON: " + err.Error()}
	}
	version := contract.Version
	if version == 0 {
		version = 1
	}
	_, err = c.ask(ctx, http1.Request{Method: "PUT", Body: body, Repeatable: true,
		Target: "/v1/types/" + url.PathEscape(taskType) + "/contracts/" + strconv.FormatInt(version, 10)}, 0)
	return err
}

// registerContracts waits for a server that is away. nil: all are registered, or ctx has ended.
func (w *Worker) registerContracts(ctx context.Context, client *Client) error {
	for taskType, entry := range w.handlers {
		for _, contract := range entry.contracts {
			var backoff status.Backoff
			for {
				err := client.PutContract(ctx, taskType, contract)
				if ctx.Err() != nil {
					return nil
				}
				if err == nil {
					break
				}
				if !hasCode(err, status.Unavailable, status.DeadlineExceeded) {
					return err
				}
				http1.Sleep(ctx, backoff.Next()+time.Millisecond)
			}
		}
	}
	return nil
}
