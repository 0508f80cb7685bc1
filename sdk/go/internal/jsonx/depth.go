package jsonx

// Depth returns how deep arrays and objects lie within one another in text, which is valid JSON.
func Depth(text []byte) int {
	depth, deepest, isText := 0, 0, false
	for i := 0; i < len(text); i++ {
		char := text[i]
		switch {
		case isText && char == '\\':
			i++
		case char == '"':
			isText = !isText
		case isText:
		case char == '[' || char == '{':
			if depth++; depth > deepest {
				deepest = depth
			}
		case char == ']' || char == '}':
			depth--
		}
	}
	return deepest
}
