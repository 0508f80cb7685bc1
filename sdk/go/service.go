package treadle

import (
	"context"
	"net/url"
	"time"

	"treadle/internal/http1"
)

// ServerInfo is how a server describes itself.
type ServerInfo struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	API     string `json:"api"`
	// Term rises each time the data directory is opened.
	Term int64 `json:"term"`
	// Durability is "fsync", or "interval": what is acknowledged is on disk within a second.
	// DurabilityNote says what can be lost then.
	Durability     string    `json:"durability"`
	DurabilityNote string    `json:"durability_note"`
	Data           string    `json:"data"`
	StartedAt      time.Time `json:"started_at"`
	Shards         int       `json:"shards"`
}

// Info returns how the server describes itself.
func (c *Client) Info(ctx context.Context) (*ServerInfo, error) {
	found := new(ServerInfo)
	if err := c.get(ctx, "/v1/info", 0, found); err != nil {
		return nil, err
	}
	return found, nil
}

// Ready returns once the server accepts tasks. It waits for one that is away or starts, until
// Options.Timeout or the end of ctx.
func (c *Client) Ready(ctx context.Context) error { return c.text(ctx, "/readyz", nil) }

// Metrics returns the server's metrics, in the text format of Prometheus.
func (c *Client) Metrics(ctx context.Context) (string, error) {
	var text string
	err := c.text(ctx, "/metrics", &text)
	return text, err
}

// OpenAPI returns the contract of the server's API, as YAML.
func (c *Client) OpenAPI(ctx context.Context) (string, error) {
	var text string
	err := c.text(ctx, "/v1/openapi.yaml", &text)
	return text, err
}

func (c *Client) text(ctx context.Context, target string, into *string) error {
	answer, err := c.ask(ctx, http1.Request{Method: "GET", Target: target, Repeatable: true}, 0)
	if into != nil {
		*into = string(answer.Body)
	}
	return err
}

// Backup is a copy of the server's data, on the server's machine.
type Backup struct {
	Name string `json:"name"`
	// State is "running", "done" or "failed".
	State      string    `json:"state"`
	BytesDone  int64     `json:"bytes_done"`
	BytesTotal int64     `json:"bytes_total"`
	Frame      int64     `json:"frame"` // everything up to this frame of the journal is in it; 0: not done
	TakenAt    time.Time `json:"taken_at"`
	Error      string    `json:"error"`
}

// StartBackup begins a backup. A request whose answer is lost is not repeated.
func (c *Client) StartBackup(ctx context.Context) (*Backup, error) {
	begun := new(Backup)
	err := c.send(ctx, http1.Request{Method: "POST", Target: "/v1/backups", Body: []byte("{}")}, begun)
	if err != nil {
		return nil, err
	}
	return begun, nil
}

// GetBackup returns a backup as it is now.
func (c *Client) GetBackup(ctx context.Context, name string) (*Backup, error) {
	found := new(Backup)
	if err := c.get(ctx, "/v1/backups/"+url.PathEscape(name), 0, found); err != nil {
		return nil, err
	}
	return found, nil
}

// ListBackups returns the backups, the newest first, and the directory where they are.
func (c *Client) ListBackups(ctx context.Context) (backups []Backup, directory string, err error) {
	var found struct {
		Directory string   `json:"directory"`
		Backups   []Backup `json:"backups"`
	}
	err = c.get(ctx, "/v1/backups", 0, &found)
	return found.Backups, found.Directory, err
}
