package host

// EscapeKey is Ctrl-], the one key that does not go to the guest.
const EscapeKey = 0x1d

// Commands that follow the escape key.
const (
	CommandHelp   = '?'
	CommandQuit   = 'q'
	CommandMark   = 'm'
	CommandRecord = '.'
	CommandReview = 'r'
	CommandKeep   = 'k'
)

// EscapeHelp lists the commands, one line.
const EscapeHelp = "Ctrl-] ? this help   q quit   m mark   k keep the ring   r review reports   . start or stop recording   Ctrl-] sends Ctrl-]"

// Keys takes commands out of what is typed.
type Keys struct{ armed bool }

// Feed splits what was typed into the guest's bytes and the commands in it.
// The escape key twice is the guest's, once; an unknown command asks for help.
func (k *Keys) Feed(p []byte) (text, commands []byte) {
	for _, c := range p {
		switch {
		case !k.armed && c == EscapeKey:
			k.armed = true
			continue
		case !k.armed, c == EscapeKey:
			text = append(text, c)
		case c == CommandQuit, c == CommandMark, c == CommandRecord, c == CommandReview, c == CommandKeep:
			commands = append(commands, c)
		default:
			commands = append(commands, CommandHelp)
		}
		k.armed = false
	}
	return text, commands
}
