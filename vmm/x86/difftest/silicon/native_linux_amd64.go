package silicon

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
	"unsafe"

	"vmrecord/vmm/x86"
)

// Where the child's program lies, and how the shared memory is cut.
const (
	textAt       = 0x200000000000
	entryOff     = 0x200
	handlerOff   = 0x600
	ldtOff       = 0x900
	textBytes    = 0xe00
	textReserved = 0x40000 // with the signal stack

	recordBytes  = 4096
	sharedData   = codeBytes
	sharedFixed  = codeBytes + dataBytes
	sharedCtl    = 0x10000
	sharedRecord = sharedCtl + 0x1000
	sharedEdges  = sharedRecord + (slots+1)*recordBytes
	sharedBytes  = sharedEdges + edges*pageBytes

	controlAt = 0x200000100000
	recordsAt = controlAt + 0x1000
)

// Offsets in a record: before, and after.
const (
	inFlags = 152 // for POPF: NT and ID, which a signal's return cannot set
	inFX    = 160
	inWin   = inFX + fxBytes
	inSegs  = inWin + windowBytes
	inBases = inSegs + 8
	out     = 2048
	outErr  = out + 19*8
	outTrap = out + 20*8
	outCR2  = out + 22*8
	outSegs = out + 23*8
	outFX   = out + 192
	outWin  = outFX + fxBytes
	outBase = outWin + windowBytes
)

// gregs is the order of the registers in a signal's context.
var gregs = [16]int{8, 9, 10, 11, 12, 13, 14, 15, 7, 6, 5, 3, 2, 0, 1, 4}

const (
	gregRIP   = 16
	gregFlags = 17
	gregSegs  = 18 // CS, then GS and FS, which are not used, then SS
)

// dataSegs is the order of the others in a record.
var dataSegs = [4]int{x86.DS, x86.ES, x86.FS, x86.GS}

// The addresses of the assembly's two functions, in driver_linux_amd64.s.
var driverAt, handlerAt uintptr

// A Native runs cases on this computer's processor, in a child of its own.
type Native struct {
	dir      string
	cmd      *exec.Cmd
	goes     *os.File // a byte: run the batch
	done     *os.File // a byte: ready, or the batch is done
	shared   []byte
	sharedFD *os.File
	host
}

// memfdCreate is the system call; package syscall is too old to have it.
const memfdCreate = 319

// batchTime is how long a batch may take before the child counts as lost.
const batchTime = time.Minute

// StartNative makes the child and waits until it is ready.
func StartNative() (*Native, error) {
	n := &Native{}
	if err := n.start(); err != nil {
		n.Close()
		return nil, fmt.Errorf("start native child: %w", err)
	}
	return n, nil
}

func (n *Native) start() (err error) {
	if n.dir, err = os.MkdirTemp("", "difftest"); err != nil {
		return err
	}
	name := []byte("difftest\x00")
	fd, _, e := syscall.Syscall(memfdCreate, uintptr(unsafe.Pointer(&name[0])), 1, 0) // MFD_CLOEXEC
	if e != 0 {
		return e
	}
	n.sharedFD = os.NewFile(fd, "shared")
	if err = n.sharedFD.Truncate(sharedBytes); err != nil {
		return err
	}
	n.shared, err = syscall.Mmap(int(n.sharedFD.Fd()), 0, sharedBytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	if n.hasBases = hasBases(); n.hasBases {
		n.shared[sharedCtl+32] = 1
	}
	fillData(n.shared[sharedData:][:dataBytes], n.shared[sharedFixed:][:pageBytes])
	program := filepath.Join(n.dir, "child")
	if err = os.WriteFile(program, childProgram(), 0o700); err != nil {
		return err
	}
	n.cmd = exec.Command(program)
	n.cmd.ExtraFiles = []*os.File{n.sharedFD}
	in, goes, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	n.goes = goes
	done, outp, err := os.Pipe()
	if err != nil {
		return err
	}
	defer outp.Close()
	n.done = done
	n.cmd.Stdin, n.cmd.Stdout = in, outp
	if err = n.cmd.Start(); err != nil {
		n.cmd = nil
		return err
	}
	return n.await()
}

// hasBases looks for HWCAP2_FSGSBASE in the auxiliary vector (Linux,
// Documentation/arch/x86/x86_64/fsgs.rst). A file that cannot be read has none.
func hasBases() bool {
	b, _ := os.ReadFile("/proc/self/auxv")
	const hwcap2, fsgsbase = 26, 2
	for ; len(b) >= 16; b = b[16:] {
		if le := binary.LittleEndian; le.Uint64(b) == hwcap2 {
			return le.Uint64(b[8:])&fsgsbase != 0
		}
	}
	return false
}

// Compat tells whether the kernel gave the child its LDT, which the cases in
// compatibility mode need.
func (n *Native) Compat() bool {
	return binary.LittleEndian.Uint32(n.shared[sharedCtl+24:]) == 0
}

// await waits for the child's byte.
func (n *Native) await() error {
	n.done.SetReadDeadline(time.Now().Add(batchTime))
	var b [1]byte
	if _, err := io.ReadFull(n.done, b[:]); err != nil {
		return fmt.Errorf("the child died or hangs: %w", err)
	}
	return nil
}

// Close ends the child and removes its files.
func (n *Native) Close() {
	if n.cmd != nil {
		n.goes.Close()
		n.cmd.Process.Kill()
		n.cmd.Wait()
		n.done.Close()
	}
	if n.shared != nil {
		syscall.Munmap(n.shared)
	}
	if n.sharedFD != nil {
		n.sharedFD.Close()
	}
	os.RemoveAll(n.dir)
}

// Begin hands the child a batch.
func (n *Native) Begin(cases []Case) error {
	code := makeCode(cases)
	copy(n.shared[:codeBytes], code)
	for i := range edges {
		copy(n.shared[sharedEdges+(i+1)*pageBytes-edgeBytes:][:edgeBytes], code[codeBytes+i*edgeBytes:])
	}
	le := binary.LittleEndian
	for i := range cases {
		c, r := &cases[i], n.record(i)
		for k, reg := range gregs {
			le.PutUint64(r[8*k:], c.R[reg])
		}
		le.PutUint64(r[8*gregRIP:], c.RIP)
		le.PutUint64(r[8*gregFlags:], c.Flags)
		le.PutUint64(r[8*gregSegs:], uint64(c.Sel[x86.CS])|uint64(c.Sel[x86.SS])<<48)
		for k, seg := range dataSegs {
			le.PutUint16(r[inSegs+2*k:], c.Sel[seg])
		}
		for k, v := range c.Base {
			le.PutUint64(r[inBases+8*k:], v)
		}
		le.PutUint64(r[inFlags:], c.Flags&(flagNT|flagID)|0x202)
		copy(r[inFX:], c.FX[:])
		copy(r[inWin:], c.Win[:])
	}
	le.PutUint64(n.shared[sharedCtl+8:], recordsAt+uint64(len(cases))*recordBytes)
	_, err := n.goes.Write([]byte{0})
	return err
}

// End waits for the batch and fetches what came of it. clean tells whether the
// data outside the windows is as it was; it is put right again.
func (n *Native) End(res []Outcome) (clean bool, err error) {
	if err := n.await(); err != nil {
		return false, err
	}
	le := binary.LittleEndian
	for i := range res {
		o, r := &res[i], n.record(i)
		for k, reg := range gregs {
			o.R[reg] = le.Uint64(r[out+8*k:])
		}
		o.RIP, o.Flags = le.Uint64(r[out+8*gregRIP:]), le.Uint64(r[out+8*gregFlags:])
		segs := le.Uint64(r[out+8*gregSegs:])
		o.Sel[x86.CS], o.Sel[x86.SS] = uint16(segs), uint16(segs>>48)
		for k, seg := range dataSegs {
			o.Sel[seg] = le.Uint16(r[outSegs+2*k:])
		}
		for k := range o.Base {
			o.Base[k] = le.Uint64(r[outBase+8*k:])
		}
		o.Code, o.Vector = le.Uint32(r[outErr:]), r[outTrap]
		o.Addr = le.Uint64(r[outCR2:])
		copy(o.FX[:], r[outFX:])
		copy(o.Win[:], r[outWin:])
		o.normalize()
	}
	return checkData(n.shared[sharedData:][:dataBytes]), nil
}

// reference runs CPUID: AMD's family 0x19 is what undefined flags and the rest
// were taken from (AMD APM vol. 3, E.3.1, E.3.2 and E.4.18).
func (n *Native) reference() (bool, error) {
	leaves := [...]uint64{0, 1, 0x80000000, 0x80000021}
	var res [len(leaves)]Outcome
	cases := make([]Case, len(res))
	for i, leaf := range leaves {
		c := &cases[i]
		c.Code, c.RIP, c.Flags = []byte{0x0f, 0xa2}, slotAt+uint64(i)*slotBytes, 0x202
		c.Sel = [6]uint16{x86.CS: selCode, x86.SS: selStack}
		c.R[0] = leaf
		c.put16(fxFCW, 0x37f)
		c.put32(fxMXCSR, 0x1f80)
	}
	if err := n.Begin(cases); err != nil {
		return false, err
	}
	if _, err := n.End(res[:]); err != nil {
		return false, err
	}
	const auth, family = 0x68747541, 0x19 // "Auth"enticAMD
	sig, amd := res[1].R[0], res[0].R[3] == auth
	n.nullClears = amd && res[2].R[0] >= leaves[3] && res[3].R[0]>>6&1 != 0
	return amd && sig>>8&15+sig>>20&255 == family, nil
}

func (n *Native) record(i int) []byte { return n.shared[sharedRecord+i*recordBytes:][:recordBytes] }

// childProgram is an ELF file with the driver's code, which the child's memory
// holds at textAt, and a stack that is not executable (System V gABI, chapters
// 4 and 5).
func childProgram() []byte {
	le := binary.LittleEndian
	b := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9)...)
	b = le.AppendUint16(b, 2)  // ET_EXEC
	b = le.AppendUint16(b, 62) // EM_X86_64
	b = le.AppendUint32(b, 1)
	b = le.AppendUint64(b, textAt+entryOff)
	b = le.AppendUint64(b, 64) // program headers
	b = le.AppendUint64(b, 0)
	b = le.AppendUint32(b, 0)
	for _, v := range []uint16{64, 56, 2, 64, 0, 0} {
		b = le.AppendUint16(b, v)
	}
	header := func(typ, flags uint32, at, fileBytes, memBytes uint64) {
		b = le.AppendUint32(b, typ)
		b = le.AppendUint32(b, flags)
		for _, v := range []uint64{0, at, at, fileBytes, memBytes, 0x1000} {
			b = le.AppendUint64(b, v)
		}
	}
	header(1, 7, textAt, textBytes, textReserved) // PT_LOAD
	header(0x6474e551, 6, 0, 0, 0)                // PT_GNU_STACK
	b = append(b, make([]byte, textBytes-len(b))...)
	copy(b[entryOff:handlerOff], machineCode(driverAt, handlerOff-entryOff))
	copy(b[handlerOff:ldtOff], machineCode(handlerAt, ldtOff-handlerOff))
	copy(b[ldtOff:], appendUserDescs(nil))
	return b
}

// machineCode is the n bytes of this program's code at pc. It may read on into
// the functions behind, which does no harm. Inlined, the conversion makes the
// compiler of Go 1.26 panic.
//
//go:noinline
func machineCode(pc uintptr, n int) []byte {
	p := *(*unsafe.Pointer)(unsafe.Pointer(&pc)) // an address in the program's text, not in the heap
	return unsafe.Slice((*byte)(p), n)
}
