package mail

import (
	"fmt"
	"strings"
)

// A Receipt is what a receiver says it holds of a bundle, in part numbers of the
// split it answers. More says that Have was too long for a reply line and goes on.
type Receipt struct {
	ID   string
	Have Ranges
	Need Ranges
	More bool
}

// NewReceipt makes the receipt for a receiver that holds these bytes.
func NewReceipt(s Split, bytes Ranges) Receipt {
	r := Receipt{ID: s.ID, Have: s.Have(bytes)}
	next := int64(1)
	for _, h := range r.Have {
		r.Need.push(Range{next, h.From})
		next = h.To
	}
	r.Need.push(Range{next, int64(s.Parts()) + 1})
	return r
}

// String is the receipt in a reply line: "VMB1 id=R-7K2M-93QF have=1-3,5 need=4".
func (r Receipt) String() string {
	out := "VMB1 id=" + r.ID
	for _, l := range []struct {
		name string
		set  Ranges
		more bool
	}{{"have", r.Have, r.More}, {"need", r.Need, false}} {
		if len(l.set) == 0 {
			continue
		}
		// A reply line is at most 512 octets (RFC 5321 4.5.3.1.5).
		t, cut := l.set.text(200)
		if cut || l.more {
			t += ",+"
		}
		out += " " + l.name + "=" + t
	}
	return out
}

// ParseReceipt finds a receipt in the text of a reply. ok is false where there is
// none; an error means that there is one and it makes no sense.
func ParseReceipt(text string, parts int) (r Receipt, ok bool, err error) {
	_, rest, ok := strings.Cut(text, "VMB1 ")
	if !ok {
		return r, false, nil
	}
	rest, _, _ = strings.Cut(rest, "\n")
	for w := range strings.FieldsSeq(rest) {
		name, value, _ := strings.Cut(w, "=")
		var e error
		switch name {
		case "id":
			if r.ID = value; !idForm.MatchString(value) {
				e = fmt.Errorf("id %.40q is not of the form R-XXXX-XXXX", value)
			}
		case "have":
			r.Have, r.More, e = parseRanges(value, int64(parts))
		case "need":
			r.Need, _, e = parseRanges(value, int64(parts))
		}
		if e != nil {
			return Receipt{}, true, fmt.Errorf("receipt: %w", e)
		}
	}
	return r, true, nil
}
