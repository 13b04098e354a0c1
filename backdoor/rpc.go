package backdoor

import (
	"strings"

	"vmrecord/backdoor/wire"
)

// rpc obeys one RPCI request and returns its reply, at most maxReply bytes.
func (b *Backdoor) rpc(text string) string {
	text = strings.TrimSuffix(text, "\x00")
	if wire.IsRequest(text) {
		q, err := wire.ParseRequest(text)
		if err != nil {
			return wire.FormatReply(false, err.Error())
		}
		return b.obey(q, false)
	}
	word, rest, _ := strings.Cut(text, " ")
	switch {
	case word == "info-get":
		return b.infoGet(rest)
	case word == "info-set":
		key, value, _ := strings.Cut(rest, " ")
		return b.infoSet(key, value)
	case word == "log":
		b.log.Write([]byte(wire.Clean(rest, wire.MaxReason)))
		return wire.FormatReply(true, "")
	case word == "machine.id.get":
		return wire.FormatReply(false, "No machine id")
	case strings.HasPrefix(word, "tools.set.version"), strings.HasPrefix(word, "tools.capability."):
		return wire.FormatReply(true, "")
	case strings.HasPrefix(word, "vmx.capability."):
		return wire.FormatReply(false, "Not supported")
	}
	return wire.FormatReply(false, "Unknown command")
}

// infoKey takes a guestinfo variable's name out of its argument.
func infoKey(arg string) (key string, ok bool) {
	key, ok = strings.CutPrefix(arg, "guestinfo.")
	return key, ok && key != "" && len(key) <= maxInfoKey
}

// find is where the value of a variable stands in Info, -1 if nowhere.
func (b *Backdoor) find(key string) int {
	info := b.state.Info
	for i := 0; i+1 < len(info); i += 2 {
		if info[i] == key {
			return i + 1
		}
	}
	return -1
}

func (b *Backdoor) infoGet(arg string) string {
	if key, ok := infoKey(arg); ok {
		if i := b.find(key); i >= 0 {
			return wire.FormatReply(true, b.state.Info[i])
		}
	}
	return wire.FormatReply(false, "No value found")
}

func (b *Backdoor) infoSet(arg, value string) string {
	key, ok := infoKey(arg)
	if !ok || len(value) > wire.MaxValue {
		return wire.FormatReply(false, "Invalid key or value")
	}
	s := &b.state
	i := b.find(key)
	room := maxInfoBytes - bytesOf(s.Info)
	if i >= 0 {
		room += len(s.Info[i])
	}
	switch {
	case i >= 0 && len(value) <= room:
		s.Info[i] = value
	case i < 0 && len(s.Info) < 2*maxInfo && len(key)+len(value) <= room:
		s.Info = append(s.Info, key, value)
	default:
		return wire.FormatReply(false, "Too many variables")
	}
	return wire.FormatReply(true, "")
}
