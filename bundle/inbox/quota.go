package inbox

import (
	"fmt"
	"sync"
)

// reportBytes is what a report takes besides its bytes: folders, report.json, an index
// row, the rest of a block. Without it, any number of reports of a byte would fit.
const reportBytes = 16 << 10

// A shares counts the bytes that are kept, as this process knows.
type shares struct {
	mu    sync.Mutex
	total int64
	by    map[string]int64 // of each computer that authenticated
}

func (s *shares) add(install string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total += n
	if install != "" {
		s.by[install] += n
	}
}

func (s *shares) all() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

func (s *shares) of(install string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[install]
}

// count reads what is kept. The caller holds the inbox's lock.
func (b *Inbox) count() error {
	all, err := b.List()
	if err != nil {
		return err
	}
	total, by := int64(0), map[string]int64{}
	for _, r := range all {
		total += r.Bytes + reportBytes
		by[r.Install] += r.Bytes + reportBytes
	}
	b.kept.mu.Lock()
	defer b.kept.mu.Unlock()
	b.kept.total, b.kept.by = total, by
	return nil
}

// over refuses n more bytes of a computer's that do not fit.
func (b *Inbox) over(install string, n int64) *Refusal {
	if used := b.kept.all(); used+n > b.opt.QuotaBytes {
		return &Refusal{Code: 452, Enhanced: [3]int{4, 3, 1}, Text: fmt.Sprintf("the inbox holds %d of at most %d bytes, try again later", used, b.opt.QuotaBytes)}
	}
	if used := b.kept.of(install); install != "" && used+n > b.opt.InstallBytes {
		return &Refusal{Code: 452, Enhanced: [3]int{4, 2, 2}, Text: fmt.Sprintf("the inbox holds %d of at most %d bytes of %s's, try again later", used, b.opt.InstallBytes, install)}
	}
	return nil
}

// room is over, counted again before it refuses: another program may have removed
// reports. The caller holds the inbox's lock.
func (b *Inbox) room(install string, n int64) *Refusal {
	if b.over(install, n) == nil {
		return nil
	}
	if err := b.count(); err != nil {
		return refuse(err)
	}
	return b.over(install, n)
}

// roomFor is room for who does not hold the lock.
func (b *Inbox) roomFor(install string, n int64) error {
	if b.over(install, n) == nil {
		return nil
	}
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if r := b.room(install, n); r != nil {
		return r
	}
	return nil
}
