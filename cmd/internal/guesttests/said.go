package main

import (
	"fmt"
	"slices"
	"strings"
)

// A said is what the runner said of one job.
type said struct {
	Name         string
	End          string            // "ok", or how it failed; "": it did not end
	Results      map[string]string // of each test: PASS, FAIL or SKIP
	Why          map[string]string // of a skipped test: its last words
	Output       string            // of a job that is shown, or failed
	Instructions uint64            // which it took in the guest
}

// parse reads what the runner wrote, to an outlet or to a pipe.
func parse(text string) (all []*said, err error) {
	var s *said
	for line := range strings.Lines(strings.ReplaceAll(text, "\r", "")) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if word != "@@" {
			continue
		}
		word, rest, _ = strings.Cut(rest, " ")
		switch {
		case word == "off":
			return all, nil
		case word == "error":
			return all, fmt.Errorf("runner: %s", rest)
		case word == "begin":
			s = &said{Name: rest, Results: map[string]string{}, Why: map[string]string{}}
			all = append(all, s)
		case s == nil:
			return all, fmt.Errorf("runner said %.100q before it began", line)
		case word == "end":
			s.End = strings.TrimPrefix(rest, s.Name+" ")
		case word == "|":
			s.Output += rest + "\n"
		default:
			name, why, _ := strings.Cut(rest, "\t")
			s.Results[name] = word
			s.Why[name] = why
		}
	}
	return all, fmt.Errorf("the runner did not come to its end; its last words:\n%s", tail(text))
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// differences are what tells two runs of one job apart.
func differences(in, out *said) (d []string) {
	if in.End != out.End {
		d = append(d, fmt.Sprintf("ends %q, outside %q", in.End, out.End))
	}
	names := map[string]bool{}
	for n := range in.Results {
		names[n] = true
	}
	for n := range out.Results {
		names[n] = true
	}
	for n := range names {
		if a, b := in.Results[n], out.Results[n]; a != b {
			d = append(d, fmt.Sprintf("%s: %s, outside %s", n, how(a, in.Why[n]), how(b, out.Why[n])))
		}
	}
	slices.Sort(d)
	return d
}

func how(result, why string) string {
	switch {
	case result == "":
		return "none"
	case why == "":
		return result
	}
	return result + " (" + why + ")"
}

// count is how many tests ended so.
func (s *said) count(how string) (n int) {
	for _, r := range s.Results {
		if r == how {
			n++
		}
	}
	return n
}
