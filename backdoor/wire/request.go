package wire

// Version is the number in the reply to vmrecord.version.
const Version = 1

// VersionText is the whole text of the reply to vmrecord.version. A client takes
// the machine for ours when the reply is this, or this and further words.
const VersionText = "vmrecord 1"

// Prefix begins each request of our extension.
const Prefix = "vmrecord."

// Bounds in bytes, and for MaxAttrs in pieces for one recording.
const (
	MaxName   = 64
	MaxKey    = 64
	MaxValue  = 1024
	MaxMark   = 256
	MaxReason = 1024
	MaxAttrs  = 32
)

// FactPrefix begins the guestinfo variables that are facts about the guest, and
// MaxFactKey bounds in bytes what follows it.
const (
	FactPrefix = "vmrecord."
	MaxFactKey = 64 - len(FactPrefix)
)

// FormatFact is the request that tells a fact; see the package comment.
func FormatFact(key, value string) string {
	key = cleanKey(key)
	return "info-set guestinfo." + FactPrefix + key[:min(len(key), MaxFactKey)] + " " + Clean(value, MaxValue)
}

// A Verb is one request of our extension.
type Verb uint8

// The verbs; see the package comment for what each does.
const (
	None Verb = iota
	GetVersion
	GetStatus
	Prepare
	Attr
	Start
	Mark
	Fail
	Keep
	Drop
	Stop
	Save
)

// A rule is how one verb is written: its word, and the bound of its last
// argument (0: it has none).
type rule struct {
	verb Verb
	word string
	max  int
}

func rules() [11]rule {
	return [...]rule{
		{GetVersion, "version", 0},
		{GetStatus, "status", 0},
		{Prepare, "prepare", MaxName},
		{Attr, "attr", MaxValue},
		{Start, "start", MaxName},
		{Mark, "mark", MaxMark},
		{Fail, "fail", MaxReason},
		{Keep, "keep", 0},
		{Drop, "drop", 0},
		{Stop, "stop", len("keep")},
		{Save, "save", MaxReason},
	}
}

// String is the verb as it stands after the prefix; "none" for no verb.
func (v Verb) String() string {
	for _, r := range rules() {
		if r.verb == v {
			return r.word
		}
	}
	return "none"
}

// An Error is why a request or a reply is not understood, in words that may be
// shown to the guest.
type Error string

// Error is the reason itself.
func (e Error) Error() string { return string(e) }

// A Request is one message of our extension.
type Request struct {
	Verb Verb
	Key  string // Attr only
	Text string // NAME, VALUE, TEXT, REASON; for Stop "keep" or "drop"
}

// IsRequest tells whether msg is meant for our extension.
func IsRequest(msg string) bool {
	return len(msg) >= len(Prefix) && msg[:len(Prefix)] == Prefix
}

// ParseRequest reads a message for which IsRequest holds. Its texts are within
// their bounds and free of control characters. The error says what is wrong and
// never quotes the message.
func ParseRequest(msg string) (Request, error) {
	if !IsRequest(msg) {
		return Request{}, Error("not a vmrecord request")
	}
	msg = msg[len(Prefix):]
	if n := len(msg); n > 0 && msg[n-1] == 0 {
		msg = msg[:n-1]
	}
	word, rest, more := cut(msg)
	for _, r := range rules() {
		if r.word == word {
			return r.parse(rest, more)
		}
	}
	return Request{}, Error("unknown vmrecord request")
}

func (r rule) parse(rest string, more bool) (Request, error) {
	req := Request{Verb: r.verb}
	if r.max == 0 {
		if more {
			return Request{}, Error(r.word + " takes no argument")
		}
		return req, nil
	}
	if r.verb == Attr {
		req.Key, rest, more = cut(rest)
		if !more || !isKey(req.Key) {
			return Request{}, Error("attr wants KEY VALUE, the key of letters, digits, '.', '-', '_'")
		}
	}
	switch {
	case rest == "" && r.verb != Attr:
		return Request{}, Error(r.word + " wants an argument")
	case len(rest) > r.max:
		return Request{}, Error(r.word + ": the argument is too long")
	case rest != Clean(rest, r.max):
		return Request{}, Error(r.word + ": the argument must be UTF-8 without control characters or outer blanks")
	case r.verb == Stop && rest != "keep" && rest != "drop":
		return Request{}, Error("stop wants keep or drop")
	}
	req.Text = rest
	return req, nil
}

// Format writes the request so that ParseRequest accepts it: texts are cleaned
// and cut to their bounds, an empty one becomes "-" where one is needed, and each
// byte of Key that may not stand in a key becomes '_'.
func (q Request) Format() string {
	for _, r := range rules() {
		if r.verb == q.Verb {
			return r.format(q)
		}
	}
	return Prefix + "none"
}

func (r rule) format(q Request) string {
	s := Prefix + r.word
	if r.max == 0 {
		return s
	}
	text := Clean(q.Text, r.max)
	if r.verb == Attr {
		return s + " " + cleanKey(q.Key) + " " + text
	}
	if r.verb == Stop && text != "drop" {
		text = "keep"
	}
	if text == "" {
		text = "-"
	}
	return s + " " + text
}

func cut(s string) (word, rest string, more bool) {
	for i := 0; i < len(s); i++ {
		if s[i] == ' ' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func keyByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_'
}

func isKey(s string) bool { return s != "" && s == cleanKey(s) }

func cleanKey(s string) string {
	if s == "" {
		return "_"
	}
	b := []byte(s[:min(len(s), MaxKey)])
	for i, c := range b {
		if !keyByte(c) {
			b[i] = '_'
		}
	}
	return string(b)
}
