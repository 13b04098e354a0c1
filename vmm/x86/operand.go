package x86

// operands reads the rest of the instruction and fills Args.
func (d *decoder) operands(in *Inst) {
	if d.isMem {
		d.memory(in)
	}
	for i, k := range d.form.Enc.Imm {
		if k != ImmNone {
			d.immediate(in, k, i)
		}
	}
	for i := range d.form.NOps {
		d.argument(in, &d.form.Ops[i])
	}
}

func (d *decoder) argument(in *Inst, o *Operand) {
	a := &in.Args[in.NArgs]
	in.NArgs++
	a.Kind, a.Size = o.Class, d.width(in, o.Reg)
	switch o.Loc {
	case LocReg:
		d.register(a, d.modRM>>3&7, d.rex<<1&8)
	case LocRM:
		if d.isMem {
			a.Kind, a.Size = Mem, d.width(in, o.Mem)
			return
		}
		d.register(a, d.modRM&7, d.rex<<3&8)
	case LocOpcode:
		d.register(a, in.Opcode&7, d.rex<<3&8)
	case LocFixed:
		a.Reg = o.Fixed
	case LocConst:
		in.Imm = int64(o.Fixed)
	case LocImm2:
		a.Kind = Imm2
	case LocMoffs:
		a.Size = d.width(in, o.Mem)
	case LocFar:
		in.Args[in.NArgs] = Arg{Kind: Imm2, Size: 2}
		in.NArgs++
	}
}

// register applies the REX extension where the register file has one, and finds
// AH to BH: encodings 4-7 of a byte register without REX.
func (d *decoder) register(a *Arg, low, ext uint8) {
	a.Reg = low
	switch a.Kind {
	case Reg:
		if a.Size == 1 && low >= 4 && d.rex == 0 {
			a.Kind, a.Reg = RegHi, low-4
			return
		}
		a.Reg |= ext
	case XMM, CR, DR:
		a.Reg |= ext
	}
}

// memory reads SIB and displacement (SDM vol. 2A, tables 2-1 to 2-3).
func (d *decoder) memory(in *Inst) {
	if in.AddrSize == 2 {
		d.memory16(in)
		return
	}
	m := &in.Mem
	mod, rm := d.modRM>>6, d.modRM&7
	base := rm
	if rm == 4 {
		sib := d.next()
		base = sib & 7
		if index := sib>>3&7 | d.rex<<2&8; index != RSP {
			m.Index, m.Scale = index, sib>>6
		}
	}
	switch {
	case mod == 0 && base == 5:
		m.Disp = d.signed(4)
		m.RIPRel = d.mode == Mode64 && rm == 5
		return
	case mod == 1:
		m.Disp = d.signed(1)
	case mod == 2:
		m.Disp = d.signed(4)
	}
	m.Base = base | d.rex<<3&8
	if (m.Base == RSP || m.Base == RBP) && d.seg == noSeg {
		m.Seg = SS
	}
}

// memory16 packs the eight 16-bit forms as base and index.
func (d *decoder) memory16(in *Inst) {
	const bases, indexes = "\x03\x03\x05\x05\x06\x07\x05\x03", "\x06\x07\x06\x07\xff\xff\xff\xff"
	m := &in.Mem
	mod, rm := d.modRM>>6, d.modRM&7
	if mod == 0 && rm == 6 {
		m.Disp = d.signed(2)
		return
	}
	m.Base, m.Index = bases[rm], indexes[rm]
	if m.Base == RBP && d.seg == noSeg {
		m.Seg = SS
	}
	if mod != 0 {
		m.Disp = d.signed(int(mod))
	}
}

// unsigned reads n little-endian bytes.
func (d *decoder) unsigned(n int) uint64 {
	var v uint64
	for i := range n {
		v |= uint64(d.next()) << (8 * i)
	}
	return v
}

func (d *decoder) signed(n int) int64 {
	s := 64 - 8*n
	return int64(d.unsigned(n)) << s >> s
}

func (d *decoder) immediate(in *Inst, k ImmKind, i int) {
	z := int(min(in.OpSize, 4))
	var v int64
	switch k {
	case ImmIB, ImmCB:
		v = d.signed(1)
	case ImmIZ, ImmCZ:
		v = d.signed(z)
	case ImmIV:
		v = d.signed(int(in.OpSize))
	case ImmUB:
		v = int64(d.unsigned(1))
	case ImmUW:
		v = int64(d.unsigned(2))
	case ImmCP:
		v = int64(d.unsigned(z))
		in.Imm2 = int64(d.unsigned(2))
	case ImmMO:
		in.Mem.Disp = d.signed(int(in.AddrSize))
		return
	}
	if i == 0 {
		in.Imm = v
		return
	}
	in.Imm2 = v
}

// check turns what decodes but is illegal into SemUd: LOCK without a lockable
// memory destination (SDM vol. 2A, LOCK) and registers that do not exist.
func (d *decoder) check(in *Inst) {
	if in.Prefixes&PrefixLock != 0 && (d.form.Attr&AttrLock == 0 || in.Args[0].Kind != Mem) {
		in.Sem = SemUd
	}
	for _, a := range in.Args[:in.NArgs] {
		bad := false
		switch a.Kind {
		case SegReg:
			bad = a.Reg > GS
		case CR:
			bad = 1<<a.Reg&(1<<0|1<<2|1<<3|1<<4|1<<8) == 0
		case DR:
			bad = a.Reg > 7
		}
		if bad {
			in.Sem = SemUd
		}
	}
}
