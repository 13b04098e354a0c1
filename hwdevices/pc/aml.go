package pc

// A small assembler for ACPI machine language (ACPI 6.5, chapter 20): each
// function returns the bytes of one term.

func join(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// sized puts PkgLength, which counts itself, before body (20.2.4).
func sized(body []byte) []byte {
	n := len(body) + 1
	if n < 1<<6 {
		return append([]byte{byte(n)}, body...)
	}
	n++ // two bytes: 4 bits and 8 bits
	return append([]byte{0x40 | byte(n&15), byte(n >> 4)}, body...)
}

// integer is ZeroOp, OneOp, or a byte, word or double word constant (20.2.3).
func integer(v uint32) []byte {
	switch {
	case v <= 1:
		return []byte{byte(v)}
	case v < 1<<8:
		return []byte{0x0a, byte(v)}
	case v < 1<<16:
		return le.AppendUint16([]byte{0x0b}, uint16(v))
	}
	return le.AppendUint32([]byte{0x0c}, v)
}

// eisaID is a compressed identifier: three letters of 5 bits, four hexadecimal
// digits, big-endian (19.3.4, EISAID).
func eisaID(s string) []byte {
	v := uint32(s[0]&31)<<26 | uint32(s[1]&31)<<21 | uint32(s[2]&31)<<16
	for i, c := range []byte(s[3:]) {
		d := c - '0'
		if c >= 'A' {
			d = c - 'A' + 10
		}
		v |= uint32(d) << (12 - 4*i)
	}
	return []byte{0x0c, byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
}

// text is a string (20.2.3).
func text(s string) []byte { return append(append([]byte{0x0d}, s...), 0) }

// ioRegion is an operation region of ports, byteField one field of 8 bits at its
// beginning, accessed by bytes (20.2.5.2).
func ioRegion(n string, base uint32, size byte) []byte {
	return join([]byte{0x5b, 0x80}, []byte(n), []byte{1}, integer(base), integer(uint32(size)))
}

func byteField(region, n string) []byte {
	return join([]byte{0x5b, 0x81}, sized(join([]byte(region), []byte{1}, []byte(n), []byte{8})))
}

// method is one with a number of arguments; its terms are returned, store, named
// and arg0 (20.2.5.2 to 20.2.6).
func method(n string, args byte, terms ...[]byte) []byte {
	return join([]byte{0x14}, sized(join([]byte(n), []byte{args}, join(terms...))))
}

func returned(what []byte) []byte  { return join([]byte{0xa4}, what) }
func store(what, to []byte) []byte { return join([]byte{0x70}, what, to) }
func named(n string) []byte        { return []byte(n) }
func arg0() []byte                 { return []byte{0x68} }

func name(n string, value []byte) []byte { return join([]byte{0x08}, []byte(n), value) }

func pack(elems ...[]byte) []byte {
	return join([]byte{0x12}, sized(join([]byte{byte(len(elems))}, join(elems...))))
}

func scope(n string, terms ...[]byte) []byte {
	return join([]byte{0x10}, sized(join([]byte(n), join(terms...))))
}

func device(n string, terms ...[]byte) []byte {
	return join([]byte{0x5b, 0x82}, sized(join([]byte(n), join(terms...))))
}

// resources is a buffer of resource descriptors (6.4), closed by an end tag
// whose checksum of 0 means that there is none.
func resources(r ...[]byte) []byte {
	b := append(join(r...), 0x79, 0)
	return join([]byte{0x11}, sized(join(integer(uint32(len(b))), b)))
}

// ioPorts is an I/O port descriptor, 16-bit decode (6.4.2.5).
func ioPorts(base uint16, n byte) []byte {
	return []byte{0x47, 1, byte(base), byte(base >> 8), byte(base), byte(base >> 8), 1, n}
}

// irq is an IRQ descriptor without flags: edge-triggered, active high (6.4.2.1).
func irq(n int) []byte { return le.AppendUint16([]byte{0x22}, 1<<n) }

// wordSpace is a word address space (6.4.3.5.3) that the bridge produces, from
// min to max, both fixed: kind 1 is I/O, kind 2 bus numbers.
func wordSpace(kind, flags byte, min, max uint16) []byte {
	b := []byte{0x88, 13, 0, kind, 0x0c, flags}
	for _, v := range []uint16{0, min, max, 0, max - min + 1} {
		b = le.AppendUint16(b, v)
	}
	return b
}

// memorySpace is a double word address space (6.4.3.5.2) of memory, read-write, not cached.
func memorySpace(min, max uint32) []byte {
	b := []byte{0x87, 23, 0, 0, 0x0c, 1}
	for _, v := range []uint32{0, min, max, 0, max - min + 1} {
		b = le.AppendUint32(b, v)
	}
	return b
}
