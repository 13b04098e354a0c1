package store

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

const (
	// PageBytes is the size of a page.
	PageBytes = 4096
	// BlockPages is how many pages a block of a pack holds, at most.
	BlockPages = 16

	packBytes = 64 << 20 // a pack that reached this is finished
	packExt   = ".vmp"
	cached    = 32 // unpacked blocks
)

// A Hash is the SHA-256 of a page.
type Hash = [sha256.Size]byte

// Zero is the hash of a page of zeros, which is never stored.
func Zero() Hash { return sha256.Sum256(make([]byte, PageBytes)) }

// A place is where a page is stored.
type place struct {
	pack  int
	off   int64 // of its block; -1: in the block that is being filled
	index int   // in the block
}

// A Store is a directory of packs. Its methods may be called by several
// goroutines.
type Store struct {
	mu    sync.Mutex
	dir   string
	files Files // nil: only for reading
	coder *Coder
	zero  Hash

	index map[Hash]place
	packs map[int]*pack
	next  int // number of the next pack
	bytes int64

	out      File // the pack that is being written, its number is next-1
	outBytes int64
	newName  bool // the directory does not durably name it yet
	block    []byte
	hashes   []Hash // of the pages in block
	unsynced []Hash // written, not durable

	unpacked map[place][]byte
	costs    map[place]int64 // of each page of the block at a place
}

type pack struct {
	f     *os.File
	bytes int64
	pages int
}

// Open opens the store in a directory, which is made if needed, for writing
// through files. What a crash left behind is used up to its last whole block.
func Open(dir string, files Files) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return open(dir, files)
}

// OpenReader opens a store for reading, also one that is being written: it
// sees what was there when it was opened.
func OpenReader(dir string) (*Store, error) { return open(dir, nil) }

func open(dir string, files Files) (*Store, error) {
	s := &Store{dir: dir, files: files, coder: NewCoder(true), zero: Zero(),
		index: map[Hash]place{}, packs: map[int]*pack{}, unpacked: map[place][]byte{}, costs: map[place]int64{}}
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range names {
		var n int
		if _, err := fmt.Sscanf(e.Name(), "%06d"+packExt, &n); err != nil || e.Name() != packName(n) {
			continue
		}
		if err := s.scan(n); err != nil {
			s.Close()
			return nil, fmt.Errorf("store %s: %w", filepath.Join(dir, e.Name()), err)
		}
		s.next = max(s.next, n+1)
	}
	return s, nil
}

func packName(n int) string { return fmt.Sprintf("%06d", n) + packExt }

// scan reads the heads of a pack up to its last whole block.
func (s *Store) scan(n int) error {
	p, err := s.reader(n)
	if err != nil {
		return err
	}
	size, err := p.f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	for {
		b, err := ReadBlock(p.f, p.bytes)
		var d *DamageError
		if errors.Is(err, io.EOF) || errors.As(err, &d) || err == nil && p.bytes+b.Size() > size {
			break
		}
		if err == nil && s.files != nil {
			// Whoever writes relies on what is here, and a power cut may have
			// left a head without its content.
			err = b.check(p.f)
		}
		if errors.As(err, &d) {
			break
		}
		if err != nil {
			return err
		}
		if len(b.Head)%len(Hash{}) == 0 && b.Content == len(b.Head)/len(Hash{})*PageBytes {
			for i := 0; i < b.Content/PageBytes; i++ {
				s.index[Hash(b.Head[i*len(Hash{}):])] = place{n, p.bytes, i}
				p.pages++
			}
			s.costs[place{n, p.bytes, 0}] = b.Size() / max(1, int64(b.Content/PageBytes))
		}
		p.bytes += b.Size()
	}
	s.bytes += p.bytes
	return nil
}

func (s *Store) reader(n int) (*pack, error) {
	if p := s.packs[n]; p != nil && p.f != nil {
		return p, nil
	}
	f, err := os.Open(filepath.Join(s.dir, packName(n)))
	if err != nil {
		return nil, err
	}
	p := s.packs[n]
	if p == nil {
		p = new(pack)
		s.packs[n] = p
	}
	p.f = f
	return p, nil
}

// Has tells whether the store has a page, durable or not.
func (s *Store) Has(h Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.index[h]
	return ok || h == s.zero
}

// Cost is what a page takes on disk: its share of the block that it is in; 0 if
// it is not there.
func (s *Store) Cost(h Hash) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.index[h]
	if !ok {
		return 0
	}
	return s.costs[place{at.pack, at.off, 0}]
}

// Bytes is the size of all packs.
func (s *Store) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// Put stores a page whose hash the caller knows. After an error every page
// that is not durable is forgotten.
func (s *Store) Put(h Hash, page []byte) error {
	if len(page) != PageBytes {
		panic(fmt.Sprintf("store: page of %d bytes", len(page)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(h, page)
}

func (s *Store) put(h Hash, page []byte) error {
	if _, ok := s.index[h]; ok || h == s.zero {
		return nil
	}
	s.index[h] = place{s.next, -1, len(s.hashes)}
	s.hashes = append(s.hashes, h)
	s.block = append(s.block, page...)
	if len(s.hashes) < BlockPages {
		return nil
	}
	return s.flush()
}

// flush writes the block that is being filled.
func (s *Store) flush() error {
	if len(s.hashes) == 0 {
		return nil
	}
	err := s.roll()
	if err == nil {
		head := make([]byte, 0, len(s.hashes)*len(Hash{}))
		for _, h := range s.hashes {
			head = append(head, h[:]...)
		}
		b := s.coder.Append(nil, head, s.block)
		if _, err = s.out.Write(b); err == nil {
			s.wrote(int64(len(b)))
			return nil
		}
	}
	s.forget()
	return fmt.Errorf("store pages in %s: %w", s.dir, err)
}

// wrote moves the pages of the block that now stands in the current pack.
func (s *Store) wrote(n int64) {
	for i, h := range s.hashes {
		s.index[h] = place{s.next - 1, s.outBytes, i}
	}
	s.costs[place{s.next - 1, s.outBytes, 0}] = n / int64(len(s.hashes))
	s.unsynced = append(s.unsynced, s.hashes...)
	p := s.packs[s.next-1]
	p.pages += len(s.hashes)
	p.bytes += n
	s.outBytes += n
	s.bytes += n
	s.block, s.hashes = s.block[:0], s.hashes[:0]
}

// roll makes sure that there is a pack to write to.
func (s *Store) roll() (err error) {
	if s.out != nil && s.outBytes >= packBytes {
		if err := s.sync(); err != nil {
			return err
		}
		if err := s.finish(); err != nil {
			return err
		}
	}
	if s.out != nil {
		return nil
	}
	n := s.next
	s.next++
	if s.out, err = s.files.Create(filepath.Join(s.dir, packName(n))); err != nil {
		s.out = nil
		return err
	}
	s.packs[n] = new(pack)
	s.outBytes, s.newName = 0, true
	return nil
}

// finish closes the current pack, which is durable.
func (s *Store) finish() error {
	if s.out == nil {
		return nil
	}
	err := s.out.Close()
	s.out = nil
	return err
}

// forget drops every page that is not durable, and the pack that failed: after
// a failed write or sync nobody knows what it holds.
func (s *Store) forget() {
	for _, h := range slices.Concat(s.hashes, s.unsynced) {
		delete(s.index, h)
	}
	s.block, s.hashes, s.unsynced = s.block[:0], nil, nil
	if s.out != nil {
		s.out.Close()
		s.out = nil
	}
}

// Sync makes every page durable that was put.
func (s *Store) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.flush(); err != nil {
		return err
	}
	return s.sync()
}

func (s *Store) sync() error {
	if s.out == nil || len(s.unsynced) == 0 {
		return nil
	}
	err := s.out.Sync()
	if err == nil && s.newName {
		err = s.files.SyncDir(s.dir)
	}
	if err != nil {
		s.forget()
		return fmt.Errorf("store pages in %s: %w", s.dir, err)
	}
	s.newName, s.unsynced = false, s.unsynced[:0]
	return nil
}

// A MissingError is a page that the store does not have.
type MissingError struct{ Hash Hash }

func (e *MissingError) Error() string {
	return fmt.Sprintf("page %x… is not in the store", e.Hash[:4])
}

// Get copies a page to p and checks it: a *MissingError, a *DamageError or
// the file's error.
func (s *Store) Get(h Hash, p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(h, p)
}

func (s *Store) get(h Hash, p []byte) error {
	if h == s.zero {
		clear(p[:PageBytes])
		return nil
	}
	at, ok := s.index[h]
	if !ok {
		return &MissingError{h}
	}
	b, err := s.content(at)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(s.dir, packName(at.pack)), err)
	}
	page := b[at.index*PageBytes : (at.index+1)*PageBytes]
	if sha256.Sum256(page) != h {
		return fmt.Errorf("%s: %w", filepath.Join(s.dir, packName(at.pack)),
			&DamageError{Offset: at.off, What: fmt.Sprintf("page %x… has other content", h[:4])})
	}
	copy(p, page)
	return nil
}

// content returns the pages of the block at a place.
func (s *Store) content(at place) ([]byte, error) {
	if at.off < 0 {
		return s.block, nil
	}
	key := place{at.pack, at.off, 0}
	if b := s.unpacked[key]; b != nil {
		return b, nil
	}
	p, err := s.reader(at.pack)
	if err != nil {
		return nil, err
	}
	h, err := ReadBlock(p.f, at.off)
	if err != nil {
		return nil, err
	}
	b, err := s.coder.Content(p.f, h)
	if err != nil {
		return nil, err
	}
	if len(s.unpacked) >= cached {
		clear(s.unpacked)
	}
	s.unpacked[key] = b
	return b, nil
}

// Sweep forgets the pages that are not live: packs without a live page are
// removed, packs that are mostly dead are written anew.
func (s *Store) Sweep(live func(Hash) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.sync(); err != nil {
		return err
	}
	if err := s.finish(); err != nil {
		return err
	}
	keep := map[int][]Hash{}
	for h, at := range s.index {
		if live(h) {
			keep[at.pack] = append(keep[at.pack], h)
		}
	}
	old := s.next
	for n := range old {
		if p := s.packs[n]; p == nil || p.pages > 0 && 2*len(keep[n]) >= p.pages {
			continue
		}
		if err := s.move(n, keep[n]); err != nil {
			return err
		}
	}
	return nil
}

// move writes the live pages of a pack to another and removes it.
func (s *Store) move(n int, live []Hash) error {
	slices.SortFunc(live, func(a, b Hash) int {
		x, y := s.index[a], s.index[b]
		return cmp.Or(cmp.Compare(x.off, y.off), cmp.Compare(x.index, y.index))
	})
	var pages [][]byte
	for _, h := range live {
		p := make([]byte, PageBytes)
		if err := s.get(h, p); err != nil {
			return err
		}
		pages = append(pages, p)
	}
	for h, at := range s.index {
		if at.pack == n {
			delete(s.index, h)
		}
	}
	for i, h := range live {
		if err := s.put(h, pages[i]); err != nil {
			return err
		}
	}
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.sync(); err != nil {
		return err
	}
	clear(s.unpacked)
	p := s.packs[n]
	if p.f != nil {
		p.f.Close()
	}
	s.bytes -= p.bytes
	delete(s.packs, n)
	return os.Remove(filepath.Join(s.dir, packName(n)))
}

// Close makes what was put durable and closes the store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.files != nil {
		if err = s.flush(); err == nil {
			err = s.sync()
		}
		err = errors.Join(err, s.finish())
	}
	for _, p := range s.packs {
		if p.f != nil {
			p.f.Close()
		}
	}
	clear(s.packs)
	return err
}
