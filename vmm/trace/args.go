package trace

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// prototypes say how the arguments of common system calls are written, a word
// each. Of calls that stand not here all six registers are shown.
//
//	d      a signed number of 32 bits: a descriptor, a process
//	u      an unsigned number
//	x      bits, or an address, in hex
//	p      an address, or NULL
//	o      a mode, in octal
//	at     a directory's descriptor, or AT_FDCWD
//	s      a string that a zero byte ends: a path
//	v      a list of strings that a null pointer ends
//	b N    bytes that are read, as many as argument N says; known at the entry
//	r      bytes that are written, as many as the result says; known at the exit
//	i      a number of 32 bits that is written; known at the exit
//	ii     two of them
//	open   flags of open; flags: without access; prot and map: of mmap; whence: of lseek; access: of access
//	creat  a mode, which is there only if the flags before it have a file made
//	sig    a signal
var prototypes = map[string]string{
	"read": "d r u", "write": "d b2 u", "pread64": "d r u d", "pwrite64": "d b2 u d", "open": "s open creat", "openat": "at s open creat",
	"close": "d", "stat": "s x", "lstat": "s x", "fstat": "d x", "newfstatat": "at s x x", "statx": "at s x x x", "poll": "x u d",
	"lseek": "d d whence", "mmap": "p u prot map d x", "mprotect": "p u prot", "munmap": "p u", "brk": "p", "madvise": "p u u",
	"rt_sigaction": "sig x x u", "rt_sigprocmask": "u x x u", "rt_sigreturn": "", "ioctl": "d x x", "access": "s access",
	"faccessat": "at s access", "faccessat2": "at s access x", "pipe": "ii", "pipe2": "ii flags", "dup": "d", "dup2": "d d", "dup3": "d d flags",
	"nanosleep": "x x", "clock_nanosleep": "d x x x", "clock_gettime": "d x", "gettimeofday": "x x", "getpid": "", "gettid": "",
	"getppid": "", "getuid": "", "geteuid": "", "getgid": "", "getegid": "", "socket": "d d d", "connect": "d x u", "accept": "d x x",
	"accept4": "d x x x", "bind": "d x u", "listen": "d d", "sendto": "d b2 u x x u", "recvfrom": "d r u x x x", "shutdown": "d d",
	"clone": "x x x x x", "clone3": "x u", "fork": "", "vfork": "", "execve": "s v x", "execveat": "at s v x x", "exit": "d",
	"exit_group": "d", "wait4": "d i x x", "kill": "d sig", "tkill": "d sig", "tgkill": "d d sig", "uname": "x", "fcntl": "d u x",
	"fsync": "d", "fdatasync": "d", "truncate": "s u", "ftruncate": "d u", "getdents64": "d x u", "getcwd": "r u", "chdir": "s",
	"fchdir": "d", "rename": "s s", "renameat": "at s at s", "renameat2": "at s at s x", "mkdir": "s o", "mkdirat": "at s o",
	"rmdir": "s", "creat": "s o", "link": "s s", "unlink": "s", "unlinkat": "at s x", "symlink": "s s", "symlinkat": "s at s",
	"readlink": "s r u", "readlinkat": "at s r u", "chmod": "s o", "fchmod": "d o", "fchmodat": "at s o", "chown": "s u u",
	"umask": "o", "mount": "s s s x x", "umount2": "s x", "reboot": "x x x x", "prctl": "u x x x x", "arch_prctl": "x x",
	"set_tid_address": "x", "set_robust_list": "x u", "futex": "x u u x x u", "sched_yield": "", "sched_getaffinity": "d u x",
	"epoll_create1": "x", "epoll_ctl": "d u d x", "epoll_wait": "d x u d", "epoll_pwait": "d x u d x u", "eventfd2": "u x",
	"getrandom": "x u x", "prlimit64": "d u x x", "sigaltstack": "x x", "sync": "", "setsid": "", "setpgid": "d d", "rseq": "x u x x",
}

const (
	maxString = 4096 // PATH_MAX
	maxBytes  = 32   // of a buffer that are shown, as strace does
	maxList   = 16   // strings of a list that are shown
)

// decode writes the arguments that are known at the entry, in order: up to the
// first that is known at the exit.
func (c *call) decode(g *guest) {
	for i, kind := range c.kinds {
		if late(kind) {
			return
		}
		c.args = append(c.args, c.arg(g, kind, c.raw[i]))
	}
}

// late tells whether an argument is known at the exit only.
func late(kind string) bool { return kind == "r" || kind == "i" || kind == "ii" }

// finish writes the rest, at the exit.
func (c *call) finish(g *guest, result uint64) {
	for i := len(c.args); i < len(c.kinds); i++ {
		v, kind := c.raw[i], c.kinds[i]
		failed := int64(result) < 0 || v == 0
		switch {
		case late(kind) && failed:
			c.args = append(c.args, hexNumber(v))
		case kind == "r":
			c.args = append(c.args, shown(g, v, result))
		default:
			c.args = append(c.args, c.arg(g, kind, v))
		}
	}
}

// arg writes one argument.
func (c *call) arg(g *guest, kind string, v uint64) string {
	switch kind {
	case "d":
		return strconv.Itoa(int(int32(v)))
	case "u":
		return strconv.FormatUint(v, 10)
	case "o", "creat":
		if v&0xffff == 0 {
			return "0"
		}
		return "0" + strconv.FormatUint(v&0xffff, 8)
	case "p":
		if v == 0 {
			return "NULL"
		}
	case "whence":
		if v < uint64(len(whenceNames)) {
			return whenceNames[v]
		}
	case "access":
		return bitNames(v, none(v, "F_OK"), accessFlags)
	case "at":
		if int32(v) == -100 {
			return "AT_FDCWD"
		}
		return strconv.Itoa(int(int32(v)))
	case "s":
		if s, ok := g.text(v, maxString); ok && v != 0 {
			return quoted(s)
		}
	case "v":
		return list(g, v)
	case "i", "ii":
		return numbers(g, v, len(kind))
	case "sig":
		if v < uint64(len(signalNames)) && signalNames[v] != "" {
			return signalNames[v]
		}
		return strconv.FormatUint(v, 10)
	case "open":
		return bitNames(v, openNames(v), openFlags)
	case "flags":
		return bitNames(v, "", openFlags)
	case "prot":
		return bitNames(v, none(v, "PROT_NONE"), protFlags)
	case "map":
		return bitNames(v, "", mapFlags)
	}
	if rest, ok := strings.CutPrefix(kind, "b"); ok {
		n, _ := strconv.Atoi(rest)
		return shown(g, v, c.raw[n])
	}
	return hexNumber(v)
}

func hexNumber(v uint64) string {
	if v == 0 {
		return "0"
	}
	return "0x" + strconv.FormatUint(v, 16)
}

// shown is the beginning of n bytes at la.
func shown(g *guest, la, n uint64) string {
	b := g.peek(la, int(min(n, maxBytes)))
	if len(b) == 0 && n > 0 {
		return hexNumber(la)
	}
	s := quoted(string(b))
	if uint64(len(b)) < n {
		s += "..."
	}
	return s
}

// quoted is a string as C has it.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString(`\n`)
		case '\t':
			b.WriteString(`\t`)
		case '\r':
			b.WriteString(`\r`)
		default:
			if c >= ' ' && c <= '~' {
				b.WriteByte(c)
				continue
			}
			b.WriteString(`\x`)
			b.WriteByte("0123456789abcdef"[c>>4])
			b.WriteByte("0123456789abcdef"[c&15])
		}
	}
	b.WriteByte('"')
	return b.String()
}

// list is a list of strings.
func list(g *guest, la uint64) string {
	var all []string
	for i := uint64(0); ; i++ {
		b := g.peek(la+8*i, 8)
		if len(b) < 8 {
			return hexNumber(la)
		}
		p := binary.LittleEndian.Uint64(b)
		if p == 0 {
			break
		}
		if i == maxList {
			all = append(all, "...")
			break
		}
		if s, ok := g.text(p, maxString); ok {
			all = append(all, quoted(s))
		} else {
			all = append(all, hexNumber(p))
		}
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// numbers are n of 32 bits.
func numbers(g *guest, la uint64, n int) string {
	b := g.peek(la, 4*n)
	if len(b) < 4*n {
		return hexNumber(la)
	}
	var all []string
	for ; len(b) > 0; b = b[4:] {
		all = append(all, strconv.Itoa(int(int32(binary.LittleEndian.Uint32(b)))))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// A bit is one of a word's, or several, with a name.
type bit struct {
	bits uint64
	name string
}

// The flags of open and mmap on x86-64 (Linux, include/uapi/asm-generic/fcntl.h
// and mman-common.h).
var (
	openFlags = []bit{{0o100, "O_CREAT"}, {0o200, "O_EXCL"}, {0o400, "O_NOCTTY"}, {0o1000, "O_TRUNC"}, {0o2000, "O_APPEND"},
		{0o4000, "O_NONBLOCK"}, {0o4010000, "O_SYNC"}, {0o10000, "O_DSYNC"}, {0o40000, "O_DIRECT"}, {0o100000, "O_LARGEFILE"},
		{0o20200000, "O_TMPFILE"}, {0o200000, "O_DIRECTORY"}, {0o400000, "O_NOFOLLOW"}, {0o1000000, "O_NOATIME"},
		{0o2000000, "O_CLOEXEC"}, {0o10000000, "O_PATH"}}
	protFlags = []bit{{1, "PROT_READ"}, {2, "PROT_WRITE"}, {4, "PROT_EXEC"}}
	mapFlags  = []bit{{3, "MAP_SHARED_VALIDATE"}, {1, "MAP_SHARED"}, {2, "MAP_PRIVATE"}, {0x10, "MAP_FIXED"}, {0x20, "MAP_ANONYMOUS"},
		{0x100, "MAP_GROWSDOWN"}, {0x4000, "MAP_NORESERVE"}, {0x8000, "MAP_POPULATE"}, {0x20000, "MAP_STACK"}, {0x40000, "MAP_HUGETLB"},
		{0x100000, "MAP_FIXED_NOREPLACE"}}
)

// The arguments of lseek and access (include/uapi/linux/fs.h, unistd.h).
var (
	whenceNames = [...]string{"SEEK_SET", "SEEK_CUR", "SEEK_END", "SEEK_DATA", "SEEK_HOLE"}
	accessFlags = []bit{{4, "R_OK"}, {2, "W_OK"}, {1, "X_OK"}}
)

// creates are the flags of open with which a mode comes: O_CREAT, and the bit of
// O_TMPFILE that is not O_DIRECTORY.
const creates = 0o100 | 0o20000000

// openNames is the access that open asks for, which is not a bit.
func openNames(v uint64) string {
	return [4]string{"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"}[v&3]
}

func none(v uint64, name string) string {
	if v == 0 {
		return name
	}
	return ""
}

// bitNames is first, and the names of v's bits; what has none in hex.
func bitNames(v uint64, first string, flags []bit) string {
	var all []string
	if first != "" {
		all = append(all, first)
	}
	if strings.HasPrefix(first, "O_") {
		v &^= 3
	}
	for _, f := range flags {
		if v&f.bits == f.bits {
			all = append(all, f.name)
			v &^= f.bits
		}
	}
	if v != 0 || len(all) == 0 {
		all = append(all, hexNumber(v))
	}
	return strings.Join(all, "|")
}
