package mail

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/emersion/go-message"
	gomail "github.com/emersion/go-message/mail"
)

// QuestionType is the media type of a Question.
const QuestionType = "application/vnd.vmbundle.question+json"

const (
	questionSchema = "vmbundle.question/1"
	// MaxAsked is how many reports a question may be about: the answers fit in a
	// reply line.
	MaxAsked = 8
)

// A Status is what became of a report at its vendor, in a word: "received",
// "reproduced", "unreproduced", "duplicate:R-XXXX-XXXX" or "fixed:VERSION".
type Status string

// The statuses without more to say.
const (
	Received     Status = "received"
	Reproduced   Status = "reproduced"   // its replay equals the recording
	Unreproduced Status = "unreproduced" // it does not, or cannot be done
)

// DuplicateOf is the status of a report of a crash that another had before.
func DuplicateOf(id string) Status { return Status("duplicate:" + id) }

// FixedIn is the status of a report of a crash that is fixed.
func FixedIn(version string) Status { return Status("fixed:" + version) }

var (
	statusForm  = regexp.MustCompile(`^(received|reproduced|unreproduced|duplicate:R-[0-9A-Z]{4}-[0-9A-Z]{4}|fixed:[A-Za-z0-9][A-Za-z0-9._+-]{0,39})$`)
	versionForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,39}$`)
)

// CheckVersion says what is wrong with a version as FixedIn takes it.
func CheckVersion(v string) error {
	if !versionForm.MatchString(v) {
		return fmt.Errorf("version %.60q: want up to 40 letters, digits and ._+-", v)
	}
	return nil
}

// Text is the status for people.
func (s Status) Text() string {
	switch word, of, _ := strings.Cut(string(s), ":"); word {
	case "duplicate":
		return "duplicate of " + of
	case "fixed":
		return "fixed in " + of
	case string(Unreproduced):
		return "not reproduced"
	}
	return string(s)
}

// Final reports whether there is nothing left to ask about.
func (s Status) Final() bool { return strings.HasPrefix(string(s), "fixed:") }

// A Question asks a receiver what became of bundles that it has. Who knows a file's
// SHA-256 had the file: nothing else is asked of them.
type Question struct {
	Schema  string  `json:"schema"`
	Reports []Asked `json:"reports"` // at most MaxAsked
}

// Asked is one bundle that a question is about.
type Asked struct {
	ID     string `json:"id"`
	SHA256 string `json:"sha256"`
}

// ParseQuestion reads and checks a question.
func ParseQuestion(data []byte) (Question, error) {
	var q Question
	if len(data) > MaxEnvelopeBytes {
		return q, fmt.Errorf("question is %d bytes, at most %d", len(data), MaxEnvelopeBytes)
	}
	if err := json.Unmarshal(data, &q); err != nil {
		return q, fmt.Errorf("read question: %w", err)
	}
	if q.Schema != questionSchema || len(q.Reports) > MaxAsked {
		return q, fmt.Errorf("question is %.40q about %d reports, this program reads %q about at most %d", q.Schema, len(q.Reports), questionSchema, MaxAsked)
	}
	for _, a := range q.Reports {
		if !idForm.MatchString(a.ID) || !sumForm.MatchString(a.SHA256) {
			return q, fmt.Errorf("question about %.40q with SHA-256 %.70q", a.ID, a.SHA256)
		}
	}
	return q, nil
}

// An Answer is what a receiver says became of bundles, by id.
type Answer map[string]Status

// Reply is the answer to a question in a reply line:
// "VMB1 status R-7K2M-93QF=reproduced".
func (a Answer) Reply(q Question) string {
	out := "VMB1 status"
	for _, r := range q.Reports {
		if s, ok := a[r.ID]; ok {
			out += fmt.Sprintf(" %s=%s", r.ID, s)
		}
	}
	return out
}

// ParseAnswer finds the answer in the text of a reply. What makes no sense in it is
// left out.
func ParseAnswer(text string) Answer {
	a := Answer{}
	_, rest, _ := strings.Cut(text, "VMB1 status")
	rest, _, _ = strings.Cut(rest, "\n")
	for w := range strings.FieldsSeq(rest) {
		id, s, _ := strings.Cut(w, "=")
		if idForm.MatchString(id) && statusForm.MatchString(s) && len(a) < MaxAsked {
			a[id] = Status(s)
		}
	}
	return a
}

// Ask asks the receiver what became of bundles that it took, at most MaxAsked. Only a
// receiver that answers with receipts understands it.
func (s *Sender) Ask(ctx context.Context, date time.Time, about []Bundle) (Answer, *Failure) {
	q := Question{Schema: questionSchema}
	for _, b := range about[:min(len(about), MaxAsked)] {
		q.Reports = append(q.Reports, Asked{b.ID, b.SHA256})
	}
	msg, err := q.message(Letter{s.Route.From, s.Route.To, date})
	if err != nil {
		return nil, failed(KindLocal, "configure", err.Error(), err)
	}
	reply, f := s.say(ctx, s.Route.From, msg)
	if f != nil {
		return nil, f
	}
	return ParseAnswer(reply), nil
}

const questionText = "This message was sent by a program. It asks what became of problem reports that\r\nwere sent before.\r\n"

func (q Question) message(l Letter) ([]byte, error) {
	data, err := json.MarshalIndent(q, "", "  ")
	if err != nil {
		return nil, err
	}
	var h gomail.Header
	h.SetContentType("multipart/mixed", map[string]string{"boundary": "vmb-question"})
	h.Set("MIME-Version", "1.0")
	h.Set("X-VMB", "1; question")
	h.Set("Auto-Submitted", "auto-generated")
	h.Set("Subject", "[vmbundle] what became of problem reports")
	h.SetDate(l.Date.UTC())
	h.SetAddressList("To", []*gomail.Address{{Address: l.To}})
	h.SetAddressList("From", []*gomail.Address{{Address: l.From}})
	var out bytes.Buffer
	w, err := message.CreateWriter(&out, h.Header)
	if err != nil {
		return nil, err
	}
	if err := addPart(w, "text/plain", "7bit", "", []byte(questionText)); err != nil {
		return nil, err
	}
	if err := addPart(w, QuestionType, "7bit", "question.json", append(bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")), "\r\n"...)); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}
