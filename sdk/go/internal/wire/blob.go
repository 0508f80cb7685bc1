// Package wire has the messages between a worker and its server, as JSON: leases and exchanges,
// reports, and what an attempt saves. docs/openapi.yaml is their contract.
package wire

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"treadle/internal/jsonx"
)

// JSON is the content type of JSON.
const JSON = "application/json"

// Bounds of the server.
const (
	ItemsMax       = 1000 // leases, renewals and reports of an exchange, each
	NamesMax       = 100  // queues and types of a worker, each
	InFlightMax    = 4    // exchanges of a worker
	BlobBytesMax   = 1 << 20
	BlobDepthMax   = 61
	LogBytesMax    = 64 << 10
	ErrorTextMax   = 8 << 10
	ErrorCodeMax   = 64
	ContentTypeMax = 128
)

// Blob is a payload, a result, or what an attempt saved.
type Blob struct {
	Data        []byte
	ContentType string
}

// IsJSON reports whether the content type is that of JSON, with or without parameters.
func (b Blob) IsJSON() bool {
	base, _, _ := strings.Cut(b.ContentType, ";")
	return strings.EqualFold(strings.TrimSpace(base), JSON)
}

// AppendFields appends `"name":…` of JSON, or `"name_base64":…,"content_type":…` of other bytes.
func (b Blob) AppendFields(out []byte, name string) []byte {
	out = append(out, '"')
	out = append(out, name...)
	if b.ContentType == JSON {
		out = append(out, `":`...)
		if len(b.Data) == 0 {
			return append(out, "null"...)
		}
		return append(out, b.Data...)
	}
	out = append(out, `_base64":"`...)
	begin := len(out)
	size := base64.StdEncoding.EncodedLen(len(b.Data))
	if cap(out)-begin < size {
		out = append(make([]byte, 0, 2*begin+size+64), out...)
	}
	out = out[:begin+size]
	base64.StdEncoding.Encode(out[begin:], b.Data)
	out = append(out, `","content_type":`...)
	return jsonx.AppendString(out, b.ContentType)
}

// blobOf returns what a message has in one of the two forms.
func blobOf(text json.RawMessage, bytes []byte, contentType string) Blob {
	if bytes != nil {
		return Blob{Data: bytes, ContentType: contentType}
	}
	if contentType == "" {
		contentType = JSON
	}
	if text == nil {
		text = json.RawMessage("null")
	}
	return Blob{Data: text, ContentType: contentType}
}
