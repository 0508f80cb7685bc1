package jsonx

import (
	"encoding/binary"
	"unicode/utf8"
)

const hex = "0123456789abcdef"

// AppendString appends text as a JSON string. Bytes that are no UTF-8 become U+FFFD.
func AppendString(out []byte, text string) []byte {
	begin := len(out) + 1
	out = append(out, '"')
	out = append(out, text...)
	if isPlainASCII(out[begin:]) {
		return append(out, '"')
	}
	return appendEscaped(out[:begin], text)
}

func appendEscaped(out []byte, text string) []byte {
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

// isPlainASCII reports whether text is the same in JSON: ASCII without controls, quotes and
// backslashes. It looks at eight bytes at a time. In each byte of such a word, the highest bit is set
// by a byte below x (word − x, unless the byte had that bit already), and by a byte that equals x
// (which x turns into 0, a byte below 1). A borrow can only come from a byte that was found itself.
func isPlainASCII(text []byte) bool {
	const (
		ones      = 0x0101010101010101
		highs     = 0x8080808080808080
		controls  = ones * ' '
		quotes    = ones * '"'
		backslash = ones * '\\'
	)
	for ; len(text) >= 8; text = text[8:] {
		word := binary.LittleEndian.Uint64(text)
		found := word | (word - controls) | ((word ^ quotes) - ones) | ((word ^ backslash) - ones)
		if found&highs != 0 {
			return false
		}
	}
	for _, char := range text {
		if char < ' ' || char >= utf8.RuneSelf || char == '"' || char == '\\' {
			return false
		}
	}
	return true
}
