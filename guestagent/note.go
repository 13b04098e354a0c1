package guestagent

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// maxNoteBytes bounds the notes that are read of one file.
const maxNoteBytes = 64 << 10

// Kinds of notes: GNU's and Go's build ids, and registers in a core file.
const (
	noteBuildID  = 3
	noteGoID     = 4
	notePRStatus = 1
)

// findNote returns the description of the first note of that name and kind, or
// nil. Notes are as the ELF specification has them (gABI, "Note Section"): name
// size, description size and kind in 32 bits each, then name and description,
// each filled up to 4 bytes.
func findNote(b []byte, name string, kind uint32) []byte {
	for len(b) >= 12 {
		n, d := uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[4:]))
		at, end := 12+(n+3)&^3, 12+(n+3)&^3+d
		if end > uint64(len(b)) {
			return nil
		}
		if binary.LittleEndian.Uint32(b[8:]) == kind && string(bytes.TrimRight(b[12:12+n], "\x00")) == name {
			return b[at:end]
		}
		b = b[min(uint64(len(b)), (end+3)&^3):]
	}
	return nil
}

// buildID is the build id among notes, in hexadecimal; Go's own is text. Empty:
// there is none.
func buildID(notes []byte) string {
	if id := findNote(notes, "GNU", noteBuildID); id != nil {
		return hex.EncodeToString(id)
	}
	return string(findNote(notes, "Go", noteGoID))
}

// programID is the build id of a program's file.
func programID(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	notes, err := elfNotes(f)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return buildID(notes), nil
}

// elfNotes are the notes of an ELF file, all its segments' one behind the other,
// cut to maxNoteBytes.
func elfNotes(r io.ReaderAt) ([]byte, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}
	var notes []byte
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE {
			continue
		}
		b := make([]byte, min(p.Filesz, uint64(maxNoteBytes-len(notes))))
		n, err := r.ReadAt(b, int64(p.Off))
		if notes = append(notes, b[:n]...); err != nil && err != io.EOF {
			return notes, err
		}
	}
	return notes, nil
}

// corePC is where the thread that died stood, as a core file's beginning tells
// (struct elf_prstatus, Linux include/linux/elfcore.h): pr_reg is at 112 bytes and
// its rip at 16 words with 64 bits, at 72 and 12 with 32.
func corePC(core []byte) (pc uint64, ok bool) {
	notes, err := elfNotes(bytes.NewReader(core))
	if err != nil {
		return 0, false
	}
	status := findNote(notes, "CORE", notePRStatus)
	switch elf.Class(core[elf.EI_CLASS]) {
	case elf.ELFCLASS64:
		if at := 112 + 16*8; len(status) >= at+8 {
			return binary.LittleEndian.Uint64(status[at:]), true
		}
	case elf.ELFCLASS32:
		if at := 72 + 12*4; len(status) >= at+4 {
			return uint64(binary.LittleEndian.Uint32(status[at:])), true
		}
	}
	return 0, false
}
