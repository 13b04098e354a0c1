package secrets

// A pattern is one form of secret. find is told where in b the anchor begins and
// ends, and says where the secret ends; 0: there is none.
type pattern struct {
	kind, anchor string
	find         func(b []byte, from, i int) (to int)
}

// patterns is the table. A token is what its issuer says: a prefix, then so many
// characters of a set, and none of the set behind or before.
var patterns = []pattern{
	{"private key", "-----BEGIN ", privateKey},
	{"private key", "AGE-SECRET-KEY-1", token(upper, 58, 58)},
	{"AWS access key", "AKIA", token(upper, 16, 16)},
	{"AWS access key", "ASIA", token(upper, 16, 16)},
	{"GitHub token", "ghp_", token(alnum, 36, 251)},
	{"GitHub token", "gho_", token(alnum, 36, 251)},
	{"GitHub token", "ghu_", token(alnum, 36, 251)},
	{"GitHub token", "ghs_", token(alnum, 36, 251)},
	{"GitHub token", "ghr_", token(alnum, 36, 251)},
	{"GitHub token", "github_pat_", token(alnum|under, 82, 82)},
	{"GitLab token", "glpat-", token(alnum|under|dash, 20, 60)},
	{"Google API key", "AIza", token(alnum|under|dash, 35, 35)},
	{"Slack token", "xoxb-", token(alnum|dash, 20, 120)},
	{"Slack token", "xoxp-", token(alnum|dash, 20, 120)},
	{"Stripe key", "sk_live_", token(alnum, 24, 120)},
	{"JSON Web Token", "eyJ", webToken},
	{"password in an address", "://", address},
	{"card number", "3", card}, {"card number", "4", card}, {"card number", "5", card}, {"card number", "6", card},
}

// byFirst is the table by the first byte of the anchor.
var byFirst = func() (t [256][]pattern) {
	for _, p := range patterns {
		t[p.anchor[0]] = append(t[p.anchor[0]], p)
	}
	return t
}()

// pairs has the two bytes that a secret can begin with: most of memory is passed by
// for a look at this.
var pairs = func() (t [1 << 16]bool) {
	for _, p := range patterns {
		for c := range 256 {
			first := uint16(p.anchor[0]) << 8
			if len(p.anchor) > 1 {
				t[first|uint16(p.anchor[1])] = true
			} else if classes[c]&digit != 0 {
				t[first|uint16(c)] = true
			}
		}
	}
	return t
}()

// A class is a set of characters.
type class uint8

const (
	digit class = 1 << iota
	capital
	small
	under
	dash
	plus // + / =

	upper = digit | capital
	alnum = digit | capital | small
)

var classes = func() (t [256]class) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = digit
		case c >= 'A' && c <= 'Z':
			t[c] = capital
		case c >= 'a' && c <= 'z':
			t[c] = small
		case c == '_':
			t[c] = under
		case c == '-':
			t[c] = dash
		case c == '+' || c == '/' || c == '=':
			t[c] = plus
		}
	}
	return t
}()

// run is how many bytes at i are of the class.
func run(b []byte, i int, of class) (n int) {
	for i+n < len(b) && classes[b[i+n]]&of != 0 {
		n++
	}
	return n
}

// before tells whether the byte in front of i is of the class.
func before(b []byte, i int, of class) bool { return i > 0 && classes[b[i-1]]&of != 0 }

// token finds a prefix followed by least to most characters of a class.
func token(of class, least, most int) func(b []byte, from, i int) int {
	return func(b []byte, from, i int) int {
		n := run(b, i, of)
		if before(b, from, alnum|under) || n < least || n > most {
			return 0
		}
		return i + n
	}
}

// privateKey finds the head of a key that has content: the head alone stands in
// every program that reads keys.
func privateKey(b []byte, _, i int) int {
	const least = 40
	i += runFunc(b, i, 30, func(c byte) bool { return classes[c]&upper != 0 || c == ' ' })
	const tail = "PRIVATE KEY"
	if i < len(tail) || string(b[i-len(tail):i]) != tail || run(b, i, dash) != 5 {
		return 0
	}
	i += 5
	i += runFunc(b, i, 4, func(c byte) bool { return c == '\r' || c == '\n' || c == '\\' || c == 'n' || c == 'r' })
	n := run(b, i, alnum|plus)
	if n < least {
		return 0
	}
	return i + n
}

// runFunc is how many bytes at i, at most so many, are wanted.
func runFunc(b []byte, i, most int, want func(byte) bool) (n int) {
	for n < most && i+n < len(b) && want(b[i+n]) {
		n++
	}
	return n
}

// webToken finds three parts of base64url, of which the first two are JSON objects
// (RFC 7515 3.1).
func webToken(b []byte, from, i int) int {
	const set = alnum | under | dash
	if before(b, from, set) {
		return 0
	}
	for part := range 3 {
		n := run(b, i, set)
		if i += n; n < 8 {
			return 0
		}
		if part == 2 {
			return i
		}
		next := ".eyJ"[:4-3*part] // the signature may begin with anything
		if len(b)-i < len(next) || string(b[i:i+len(next)]) != next {
			return 0
		}
		i += len(next)
	}
	return 0
}

// address finds user and password in front of a host's name.
func address(b []byte, _, i int) int {
	plain := func(c byte) bool {
		return c > ' ' && c < 0x7f && c != '/' && c != '@' && c != '"' && c != '\'' && c != '<' && c != '>'
	}
	user := runFunc(b, i, 64, func(c byte) bool { return plain(c) && c != ':' })
	i += user
	if user == 0 || i == len(b) || b[i] != ':' {
		return 0
	}
	i++
	n := runFunc(b, i, 128, plain)
	if n < 3 || placeholder(string(b[i:i+n])) || i+n+1 >= len(b) || b[i+n] != '@' || classes[b[i+n+1]]&alnum == 0 {
		return 0
	}
	i += n + 1
	return i + runFunc(b, i, 253, func(c byte) bool { return classes[c]&(alnum|dash) != 0 || c == '.' })
}

// placeholder tells whether a password is what manuals write for one.
func placeholder(s string) bool {
	switch s {
	case "password", "passwd", "pass", "secret", "PASSWORD", "xxx", "xxxxx", "***":
		return true
	}
	for _, c := range []byte(s) {
		if c == '%' || c == '$' || c == '{' || c == '[' || c == '*' {
			return true
		}
	}
	return false
}

// card finds numbers as cards have: an issuer's first digits, the length that it
// uses, digits together or in groups of four, and a check digit that is right.
func card(b []byte, from, _ int) int {
	if before(b, from, alnum|under|dash|plus) || from > 0 && (b[from-1] == '.' || b[from-1] == ',') {
		return 0
	}
	var digits [20]byte
	n, i, sep := 0, from, byte(0)
	for ; i < len(b) && n < len(digits); i++ {
		c := b[i]
		if classes[c]&digit != 0 {
			digits[n] = c - '0'
			n++
			continue
		}
		grouped := n == 4 && sep == 0 || n > 4 && n%4 == 0 && c == sep
		if c != ' ' && c != '-' || !grouped || i+1 == len(b) || classes[b[i+1]]&digit == 0 || b[i-1] == c {
			break
		}
		sep = c
	}
	if !issued(digits[:n]) || !checked(digits[:n]) || i < len(b) && (classes[b[i]]&(alnum|under) != 0 || b[i] == '.' || b[i] == ',') {
		return 0
	}
	return i
}

// issued tells whether an issuer gives out numbers of such a beginning and length.
func issued(d []byte) bool {
	if len(d) != 15 && len(d) != 16 {
		return false
	}
	two := int(d[0])*10 + int(d[1])
	switch {
	case len(d) == 15:
		return two == 34 || two == 37
	case d[0] == 4, two >= 51 && two <= 55, two == 65:
		return true
	}
	return two == 60 && d[2] == 1 && d[3] == 1
}

// checked tells whether the check digit is right, and the number not all alike.
func checked(d []byte) bool {
	sum, alike := 0, true
	for i, c := range d {
		n := int(c)
		if (len(d)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
		alike = alike && c == d[1]
	}
	return sum%10 == 0 && !alike
}
