package wire

// FormatReply writes a reply: ok and text, or the refusal and its reason.
func FormatReply(ok bool, text string) string {
	if ok {
		return "1 " + text
	}
	return "0 " + text
}

// ParseReply takes a reply apart. The error is the refusal's reason, or that the
// reply is neither.
func ParseReply(reply string) (text string, err error) {
	if n := len(reply); n > 0 && reply[n-1] == 0 {
		reply = reply[:n-1]
	}
	switch {
	case reply == "1":
		return "", nil
	case hasPrefix(reply, "1 "):
		return reply[2:], nil
	case hasPrefix(reply, "0 "):
		return "", Error(Clean(reply[2:], MaxReason))
	}
	return "", Error("not a reply")
}

// IsOurs tells whether text, the answer to vmrecord.version, comes from a
// machine that understands this version.
func IsOurs(text string) bool {
	return text == VersionText || hasPrefix(text, VersionText+" ")
}

// A State is what the machine does for the guest at this moment.
type State uint8

// The states of a Status.
const (
	Idle State = iota
	Recording
	Off
)

// String is the state as it stands in a reply.
func (s State) String() string {
	switch s {
	case Recording:
		return "recording"
	case Off:
		return "off"
	}
	return "idle"
}

// A Status is the text of the reply to vmrecord.status.
type Status struct {
	State State
	UID   uint32 // of the last recording started, 0 before the first
	Name  string // of the running recording; empty when it has none
}

// Format writes the status: "recording 7 transfer-batch".
func (s Status) Format() string {
	t := s.State.String() + " " + decimal(s.UID)
	if s.State == Recording && s.Name != "" {
		t += " " + Clean(s.Name, MaxName)
	}
	return t
}

// ParseStatus reads what Format writes.
func ParseStatus(text string) (Status, error) {
	word, rest, _ := cut(text)
	num, name, named := cut(rest)
	s := Status{Name: name}
	for s.State = Idle; s.State <= Off; s.State++ {
		if s.State.String() == word {
			break
		}
	}
	uid, ok := number(num)
	s.UID = uid
	if s.State > Off || !ok || named && (s.State != Recording || name == "" || name != Clean(name, MaxName)) {
		return Status{}, Error("not a status")
	}
	return s, nil
}

func decimal(n uint32) string {
	var b [10]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + n%10)
		n /= 10
		if n == 0 {
			return string(b[i:])
		}
	}
}

func number(s string) (n uint32, ok bool) {
	if s == "" || len(s) > 10 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	var w uint64
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		w = w*10 + uint64(s[i]-'0')
	}
	return uint32(w), w < 1<<32
}
