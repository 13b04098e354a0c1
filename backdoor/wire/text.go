package wire

// Clean makes s a text of at most max bytes that may stand in a request: each
// control character becomes a blank, each byte that is not UTF-8 becomes '?',
// blanks at both ends go, and the cut falls between two characters. Clean of a
// clean text is that text.
func Clean(s string, max int) string {
	s = trimLeft(s)
	b := make([]byte, 0, min(len(s), max))
	for i, r := range s {
		var c string
		switch {
		case r < 0x20, 0x7F <= r && r < 0xA0:
			c = " "
		case r == 0xFFFD && !hasPrefix(s[i:], "\uFFFD"):
			c = "?"
		default:
			c = string(r)
		}
		if len(b)+len(c) > max {
			break
		}
		b = append(b, c...)
	}
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return string(b)
}

// trimLeft drops what Clean would turn into leading blanks.
func trimLeft(s string) string {
	for i, r := range s {
		if r > ' ' && (r < 0x7F || r >= 0xA0) {
			return s[i:]
		}
	}
	return ""
}

func hasPrefix(s, p string) bool { return len(s) >= len(p) && s[:len(p)] == p }
