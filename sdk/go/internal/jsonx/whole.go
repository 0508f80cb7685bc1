package jsonx

import "strconv"

const wholeDigitsMax = 20 // of an uint64

// whole rewrites each number with a whole value in digits only: "4.0" and "4e0" become "4", which
// encoding/json accepts for an integer. It returns false if no number needs that.
func whole(text []byte) ([]byte, bool) {
	var out []byte
	copied := 0
	for at := 0; at < len(text); {
		switch char := text[at]; {
		case char == '"':
			at = stringEnd(text, at)
		case char == '-' || ('0' <= char && char <= '9'):
			end := at
			for end < len(text) && isOfNumber(text[end]) {
				end++
			}
			if digits, ok := digitsOf(text[at:end]); ok {
				out = append(append(out, text[copied:at]...), digits...)
				copied = end
			}
			at = end
		default:
			at++
		}
	}
	if copied == 0 {
		return text, false
	}
	return append(out, text[copied:]...), true
}

func stringEnd(text []byte, at int) int {
	for at++; at < len(text) && text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at + 1
}

func isOfNumber(char byte) bool {
	return ('0' <= char && char <= '9') || char == '-' || char == '+' || char == '.' || char == 'e' || char == 'E'
}

// digitsOf returns how a number with a point or an exponent is written without, exactly. False: it has
// neither, is not whole, or is too large for any integer.
func digitsOf(number []byte) ([]byte, bool) {
	digits := make([]byte, 0, len(number)+wholeDigitsMax)
	at, point := 0, -1
	if number[0] == '-' {
		at = 1
	}
	for ; at < len(number) && number[at] != 'e' && number[at] != 'E'; at++ {
		if number[at] == '.' {
			point = len(digits)
		} else {
			digits = append(digits, number[at])
		}
	}
	exponent := 0
	if at < len(number) {
		var err error
		if exponent, err = strconv.Atoi(string(number[at+1:])); err != nil || exponent > 1e6 || exponent < -1e6 {
			return nil, false
		}
	} else if point < 0 {
		return nil, false
	}
	if point < 0 {
		point = len(digits)
	}
	for point += exponent; len(digits) > 0 && len(digits) > point && digits[len(digits)-1] == '0'; {
		digits = digits[:len(digits)-1]
	}
	for len(digits) > 0 && digits[0] == '0' {
		digits, point = digits[1:], point-1
	}
	if len(digits) == 0 {
		return []byte("0"), true
	}
	if len(digits) > point || point > wholeDigitsMax {
		return nil, false
	}
	for len(digits) < point {
		digits = append(digits, '0')
	}
	if number[0] == '-' {
		digits = append([]byte("-"), digits...)
	}
	return digits, true
}
