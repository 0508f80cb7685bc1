package treadle

import (
	"encoding/json"

	"treadle/internal/jsonx"
	"treadle/internal/status"
	"treadle/internal/wire"
)

// Bytes are a payload or a result that is not JSON. A plain []byte is the same with the content type
// application/octet-stream.
type Bytes struct {
	Data        []byte
	ContentType string // empty: application/octet-stream
}

// Read reads the bytes into a pointer: *[]byte or *Bytes as they are, anything else from JSON.
func (b Bytes) Read(into any) error { return readBlob(wire.Blob(b), into, "payload") }

const octetStream = "application/octet-stream"

// blobOf turns a value of a program into bytes: []byte and Bytes as they are, json.RawMessage and
// everything else as JSON. root is what errors begin with.
func blobOf(value any, root string) (wire.Blob, error) {
	switch value := value.(type) {
	case []byte:
		return wire.Blob{Data: value, ContentType: octetStream}, nil
	case Bytes:
		if value.ContentType == "" {
			value.ContentType = octetStream
		}
		blob := wire.Blob{Data: value.Data, ContentType: value.ContentType}
		if value.ContentType == wire.JSON && !json.Valid(value.Data) {
			return blob, status.Wrong(root, root+" is not the JSON that its content type promises")
		}
		return blob, nil
	case struct{}:
		return wire.Blob{Data: []byte("null"), ContentType: wire.JSON}, nil
	}
	text, err := jsonx.Encode(nil, value, root)
	return wire.Blob{Data: text, ContentType: wire.JSON}, err
}

// readBlob is the way back. target is a pointer.
func readBlob(blob wire.Blob, target any, root string) error {
	switch target := target.(type) {
	case nil:
		return nil
	case *[]byte:
		*target = blob.Data
	case *Bytes:
		*target = Bytes{Data: blob.Data, ContentType: blob.ContentType}
	case *json.RawMessage:
		if !blob.IsJSON() {
			return status.Wrong(root, root+" is "+blob.ContentType+", and not JSON")
		}
		*target = blob.Data
	default:
		if !blob.IsJSON() {
			return status.Wrong(root, root+" is "+blob.ContentType+", and not JSON; take it as []byte")
		}
		return jsonx.Decode(blob.Data, target, root)
	}
	return nil
}

func blobOfTask(task *Task) wire.Blob {
	return wire.Blob{Data: task.Payload, ContentType: task.ContentType}
}
