package status

import "strings"

const fields = " type queue payload payload_base64 content_type payload_sha256 priority " +
	"contract_version max_attempts tags expires_at expires_ms deadline_at deadline_ms " +
	"attempt_timeout_ms retry run_at delay_ms idempotency_key idempotency_window_ms on_duplicate " +
	"unique_while sensitive limit cursor worker state tag key error_code fingerprint text " +
	"payload_text reason input_schema output_schema error_codes defaults steps checkpoint progress " +
	"log edit action rate tasks traceparent "

// FieldOf returns the field that a detail of the server begins with, or "": "tasks[3].priority must
// be …" is about "tasks[3].priority". A single word counts only if the API has such a field.
func FieldOf(detail string) string {
	field, _, found := strings.Cut(detail, " ")
	if !found || field == "" || field[0] < 'a' || field[0] > 'z' {
		return ""
	}
	isPath := false
	for _, char := range field {
		switch {
		case char == '.' || char == '[':
			isPath = true
		case char == '_' || char == ']' || char >= '0' && char <= '9':
		case char >= 'a' && char <= 'z' || char >= 'A' && char <= 'Z':
		default:
			return ""
		}
	}
	if field[len(field)-1] == '.' || !isPath && !strings.Contains(fields, " "+field+" ") {
		return ""
	}
	return field
}
