package guestos

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Rights of a mapping, as vm_area_struct.vm_flags has them.
const (
	MayRead = 1 << iota
	MayWrite
	MayExec
	Shared
)

// A Mapping is a part of a program's address space.
type Mapping struct {
	Start, End uint64
	Offset     uint64 // of Start in the file, in bytes
	Flags      uint8  // MayRead, MayWrite, MayExec, Shared
	Path       string // of the file, "" if there is none; [heap], [stack], [vdso] and the like
}

// String is the mapping as /proc/PID/maps has it, without the file's device
// and number.
func (m Mapping) String() string {
	rights := []byte("---p")
	for i, c := range "rwxs" {
		if m.Flags>>i&1 != 0 {
			rights[i] = byte(c)
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%08x-%08x %s %08x %s", m.Start, m.End, rights, m.Offset, m.Path))
}

const (
	maxMappings = 1 << 17
	maxArgs     = 128 << 10 // bytes of a command line
	commBytes   = 15        // of a program's name that a task keeps (TASK_COMM_LEN, less its end)
)

// Read copies from the task's own address space, up to the first byte that is
// not in memory, and tells how much that was.
func (t Task) Read(la uint64, p []byte) int {
	if t.CR3 == 0 {
		return 0
	}
	s := t.l.space
	s.cr3 = t.CR3
	return s.read(la, p)
}

var errNoProgram = errors.New("the task has no program: it is a thread of the kernel's, or has ended")

// mm is the task's mm_struct.
func (t Task) mm(v *view) uint64 {
	mm := v.get(t.Addr, "task_struct", "mm")
	if v.err == nil && (t.CR3 == 0 || mm == 0) {
		v.err = errNoProgram
	}
	return mm
}

// Args is the command line, the program's name first, up to the first byte
// that is not in memory; 128 KiB at most.
func (t Task) Args() ([]string, error) {
	v := t.l.view()
	mm := t.mm(v)
	from, to := v.get(mm, "mm_struct", "arg_start"), v.get(mm, "mm_struct", "arg_end")
	if v.err == nil && from > to {
		v.fail("task %d has its command line from %#x to %#x", t.PID, from, to)
	}
	if v.err != nil {
		return nil, v.err
	}
	b := make([]byte, min(to-from, maxArgs))
	n := t.Read(from, b)
	if n == 0 {
		return nil, nil
	}
	return strings.Split(strings.TrimSuffix(string(b[:n]), "\x00"), "\x00"), nil
}

// Exe is the path of the program's file, as seen from the root of all mounts.
func (t Task) Exe() (string, error) {
	v := t.l.view()
	f := v.get(t.mm(v), "mm_struct", "exe_file")
	if v.err == nil && f == 0 {
		return "", nil
	}
	return v.path(f), v.err
}

// Is tells whether a user means the task by a text: its name, its program's file's,
// its number, or its process's.
func (t Task) Is(text string) bool {
	if n, err := strconv.Atoi(text); err == nil && (n == t.PID || n == t.TGID) {
		return true
	}
	if t.Comm == text[:min(len(text), commBytes)] {
		return true
	}
	exe, err := t.Exe()
	return err == nil && path.Base(exe) == text
}

// Maps lists the task's mappings by address, its ELF files' among them. With
// an error it returns those that it could read.
func (t Task) Maps() ([]Mapping, error) {
	v := t.l.view()
	mm := t.mm(v)
	root := v.get(mm, "mm_struct", "mm_mt.ma_root")
	var all []Mapping
	paths := map[uint64]string{} // by file
	v.maple(root, func(vma uint64) bool {
		m := v.mapping(mm, vma, paths)
		if v.err == nil {
			all = append(all, m)
		}
		return len(all) < maxMappings
	})
	return all, v.err
}

// mapping reads a vm_area_struct.
func (v *view) mapping(mm, vma uint64, paths map[uint64]string) Mapping {
	const area = "vm_area_struct"
	m := Mapping{Start: v.get(vma, area, "vm_start"), End: v.get(vma, area, "vm_end"), Flags: uint8(v.get(vma, area, "vm_flags")) & 15}
	if file := v.get(vma, area, "vm_file"); file != 0 {
		p, ok := paths[file]
		if !ok {
			p = v.path(file)
			paths[file] = p
		}
		m.Offset, m.Path = v.get(vma, area, "vm_pgoff")*pageBytes, p
		return m
	}
	special, _ := v.k.syms.byName("special_mapping_vmops")
	stack := v.get(mm, "mm_struct", "start_stack")
	switch ops := v.get(vma, area, "vm_ops"); {
	case ops != 0 && ops == special.Addr:
		m.Path = v.text(v.get(v.get(vma, area, "vm_private_data"), "vm_special_mapping", "name"), 64)
	case m.Start < v.get(mm, "mm_struct", "brk") && m.End > v.get(mm, "mm_struct", "start_brk"):
		m.Path = "[heap]"
	case m.Start <= stack && stack < m.End:
		m.Path = "[stack]"
	}
	return m
}

// path is where a struct file was opened: the names of its directory entries
// up to the root of its mount, then on from where that is mounted.
func (v *view) path(file uint64) string {
	const maxParts, maxPath = 512, 4096
	dentry, mount := v.get(file, "file", "f_path.dentry"), v.get(file, "file", "f_path.mnt")
	in := v.offset("mount", "mnt")
	path := ""
	for range maxParts {
		if v.err != nil || len(path) > maxPath {
			break
		}
		parent := v.get(dentry, "dentry", "d_parent")
		if dentry == v.get(mount, "vfsmount", "mnt_root") {
			m := mount - in
			up := v.get(m, "mount", "mnt_parent")
			if up == m {
				return "/" + strings.TrimPrefix(path, "/")
			}
			dentry, mount = v.get(m, "mount", "mnt_mountpoint"), up+in
			continue
		}
		name := v.text(v.get(dentry, "dentry", "d_name.name"), 256)
		if parent == dentry { // of no mount: a pipe, a memfd
			return name + path
		}
		path = "/" + name + path
		dentry = parent
	}
	v.fail("a file's path does not end: %.60q", path)
	return ""
}
