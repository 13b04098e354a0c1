package enrol

import (
	"crypto/rand"
	"fmt"
)

// A Server is the inbox's side of one exchange (sasl.Server).
type Server struct {
	// Admit makes a grant durable for a computer that has proven that the key is its
	// own; its error ends the exchange, as every other does.
	Admit func(Opening) (Grant, error)
	// Enrolled is told once the computer has kept it.
	Enrolled func(Opening)

	step    int
	opening Opening
	nonce   string
}

// Next takes a message and answers it.
func (s *Server) Next(message []byte) (answer []byte, done bool, err error) {
	step := s.step
	s.step++
	switch step {
	case 0:
		if message == nil { // the client waits to be asked
			s.step = 0
			return nil, false, nil
		}
		if s.opening, err = parseOpening(message); err != nil {
			return nil, false, err
		}
		s.nonce = rand.Text()
		return []byte(version + " " + s.nonce), false, nil
	case 1:
		if !s.opening.proven(s.nonce, message) {
			return nil, false, fmt.Errorf("what it says was not signed by %s", s.opening.Key)
		}
		g, err := s.Admit(s.opening)
		return g.text(), false, err
	case 2:
		if string(message) != kept {
			return nil, false, fmt.Errorf("%.60q instead of %q", message, kept)
		}
		s.Enrolled(s.opening)
		return nil, true, nil
	}
	return nil, false, fmt.Errorf("message %d; there are 3", step+1)
}
