package mail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Deliver sends one entry now, whatever its next try, and records how it went. The
// error is about the spool; how the conversation went is in the Result.
func (s *Spool) Deliver(ctx context.Context, ref string, snd *Sender) (Item, Result, error) {
	dir, err := s.find(ref)
	if err != nil {
		return Item{}, Result{}, fmt.Errorf("send: %w", err)
	}
	it, res, err := s.deliver(ctx, dir, snd, func(Item) bool { return true })
	if err != nil {
		err = fmt.Errorf("send %s: %w", ref, err)
	}
	return it, res, err
}

// deliver sends the entry if, once locked, it still wants sending.
func (s *Spool) deliver(ctx context.Context, dir string, snd *Sender, wanted func(Item) bool) (Item, Result, error) {
	lock, err := lockItem(dir)
	if err != nil {
		return Item{}, Result{}, err
	}
	defer lock.Close()
	if err := clearTemporary(dir); err != nil {
		return Item{}, Result{}, err
	}
	it, err := readItem(dir)
	if err != nil {
		return it, Result{}, err
	}
	if it.State == Cancelled {
		return it, Result{}, errors.New("it was cancelled: outbox retry takes that back")
	}
	if it.State == Held {
		return it, Result{}, ErrHeld
	}
	if !wanted(it) {
		return it, Result{}, ErrBusy
	}
	if it.State == Sent {
		_, all := it.Parts()
		return it, Result{Outcome: Delivered, Server: it.Server, Parts: all, Reply: it.Reply}, nil
	}
	b, err := Describe(it.Path, it.ID, it.UUID)
	if err != nil {
		return it, Result{}, err
	}
	if b != it.Bundle {
		return it, Result{}, fmt.Errorf("%s is damaged: its SHA-256 has changed since it was queued: it is kept, but not sent", it.Path)
	}
	f, err := os.Open(it.Path)
	if err != nil {
		return it, Result{}, err
	}
	defer f.Close()

	it.State, it.TriedAt = Sending, s.opt.Now().UTC().Truncate(time.Second)
	before := it.Have.Len()
	if err := writeItem(dir, it); err != nil {
		return it, Result{}, err
	}
	res := snd.Send(ctx, Job{
		Bundle: it.Bundle, File: f, Date: it.QueuedAt, Have: it.Have, PartBytes: it.PartBytes,
		Save: func(have Ranges, partBytes int64) error {
			it.Have, it.PartBytes = have, partBytes
			return writeItem(dir, it)
		},
	})
	s.settle(&it, res, it.Have.Len() > before)
	return it, res, writeItem(dir, it)
}

// settle turns a result into the entry's next state.
func (s *Spool) settle(it *Item, res Result, progress bool) {
	it.Server, it.Reason, it.Fix = res.Server, "", ""
	it.NextTry = time.Time{}
	if res.Reply != "" {
		it.Reply = res.Reply
	}
	if progress {
		it.Attempts = 0
	}
	if res.Failure != nil {
		it.Reason, it.Fix = res.Failure.Text, res.Failure.Fix
	}
	switch {
	case res.Outcome == Delivered:
		it.State = Sent
	case res.Outcome == Stopped && res.Failure.Kind == KindConsent:
		it.State = Held
	case res.Outcome == Stopped:
		it.State = Halted
	case res.Failure.Kind == KindInterrupted:
		it.State = Queued
	default:
		it.Attempts++
		next := s.opt.Now().Add(RetryAfter(it.Attempts, s.opt.Jitter())).UTC().Truncate(time.Second)
		if next.After(it.GiveUpAt) {
			it.State, it.Fix = Expired, "the file is kept: outbox retry, or outbox export"
			return
		}
		it.State, it.NextTry = Waiting, next
	}
}

// due says when the entry wants to be sent; ok is false if never by itself.
func due(it Item) (at time.Time, ok bool) {
	switch it.State {
	case Queued:
		return it.QueuedAt, true
	case Waiting:
		return it.NextTry, true
	}
	return time.Time{}, false
}

// DeliverDue sends every entry whose time has come, oldest first, by the sender
// that sender has for it, and tells done about each (done may be nil). Entries
// that another process is sending are passed over. next is when the next one is
// due, zero if none is.
func (s *Spool) DeliverDue(ctx context.Context, sender func(Item) (*Sender, error), done func(Item, Result, error)) (next time.Time, err error) {
	its, err := s.List()
	if err != nil {
		return next, err
	}
	ready := func(it Item) bool {
		if it.State == Sending { // cut off: the lock is ours
			return true
		}
		at, ok := due(it)
		return ok && !at.After(s.opt.Now())
	}
	for _, it := range its {
		if ctx.Err() != nil {
			return next, ctx.Err()
		}
		if _, ok := due(it); !ok {
			continue
		}
		if ready(it) {
			var res Result
			snd, err := sender(it)
			if err == nil {
				it, res, err = s.deliver(ctx, filepath.Dir(it.Path), snd, ready)
			}
			if errors.Is(err, ErrBusy) {
				continue
			}
			if done != nil {
				done(it, res, err)
			}
			if err != nil {
				continue
			}
		}
		if at, ok := due(it); ok && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, nil
}
