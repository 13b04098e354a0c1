package inbox

import (
	"errors"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"vmrecord/bundle/enrol"
)

// AuthMechanisms is asked for by the server library.
func (s *session) AuthMechanisms() []string {
	if guarded, _ := s.in.Guarded(); !guarded { // what is wrong with it, MAIL says
		return nil
	}
	return []string{sasl.Plain, enrol.Mechanism}
}

// Auth is asked for by the server library.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	switch mechanism {
	case sasl.Plain:
		return polite{s, sasl.NewPlainServer(func(identity, user, password string) error {
			if identity != "" && identity != user {
				return denied(535, "%.20q may not be somebody else", user)
			}
			if err := s.in.authenticate(user, password); err != nil {
				return refuse(err)
			}
			s.install = user
			return nil
		})}, nil
	case enrol.Mechanism:
		return polite{s, &enrol.Server{Admit: s.admit, Enrolled: func(o enrol.Opening) {
			s.install = enrol.Name(o.Key)
			s.opt.Logf("inbox: enrolled %s", s.install)
		}}}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (s *session) admit(o enrol.Opening) (enrol.Grant, error) {
	g, err := s.in.admit(o)
	if err != nil {
		return g, refuse(err)
	}
	return g, nil
}

// A polite exchange gives its errors as replies: the library takes any other for
// trouble that passes.
type polite struct {
	s *session
	sasl.Server
}

// Next takes a message and answers it.
func (p polite) Next(message []byte) (answer []byte, done bool, err error) {
	answer, done, err = p.Server.Next(message)
	var r *Refusal
	switch {
	case err == nil:
		return answer, done, nil
	case errors.As(err, &r):
		p.s.opt.Logf("inbox: %s", r.Text)
		return nil, false, p.s.refused(r)
	}
	return nil, false, &smtp.SMTPError{Code: 501, EnhancedCode: smtp.EnhancedCode{5, 5, 2}, Message: replyLine(err.Error())}
}

// known refuses mail of those who may not send.
func (s *session) known() error {
	guarded, err := s.in.Guarded()
	switch {
	case err != nil:
		return err
	case s.install != "":
		return s.in.standing(s.install)
	case guarded && !s.opt.Open:
		return denied(530, "Authentication required: this inbox takes reports of computers that enrolled%s", anew)
	}
	return nil
}
