package jsonx

import "unicode/utf8"

const hex = "0123456789abcdef"

// AppendString appends text as a JSON string. Bytes that are no UTF-8 become U+FFFD.
func AppendString(out []byte, text string) []byte {
	out = append(out, '"')
	begin := 0
	for i := 0; i < len(text); {
		char := text[i]
		if char >= ' ' && char != '"' && char != '\\' && char < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if char >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(text[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		out = append(out, text[begin:i]...)
		out = appendEscape(out, char)
		i += size
		begin = i
	}
	out = append(out, text[begin:]...)
	return append(out, '"')
}

func appendEscape(out []byte, char byte) []byte {
	switch {
	case char >= utf8.RuneSelf:
		return append(out, "\ufffd"...)
	case char == '"' || char == '\\':
		return append(out, '\\', char)
	case char == '\n':
		return append(out, '\\', 'n')
	case char == '\t':
		return append(out, '\\', 't')
	case char == '\r':
		return append(out, '\\', 'r')
	}
	return append(out, '\\', 'u', '0', '0', hex[char>>4], hex[char&15])
}
