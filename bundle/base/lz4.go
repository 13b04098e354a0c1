package base

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// errLZ4 is a payload that begins as LZ4 and goes on as something else.
var errLZ4 = errors.New("it is not what LZ4 packs")

// unpackLZ4 unpacks what `lz4 -l` packs (LZ4 frame format, "Legacy frame"): the
// magic number, then blocks, each with its length in front; a kernel's payload ends
// with four bytes more, the unpacked size. It unpacks to nothing if it is packed by
// other means.
func unpackLZ4(p []byte, most int) (out []byte, err error) {
	const magic = 0x184c2102
	if len(p) < 8 || binary.LittleEndian.Uint32(p) != magic {
		return nil, nil
	}
	for p = p[4 : len(p)-4]; len(p) > 0; {
		if len(p) < 4 {
			return nil, errLZ4
		}
		n := binary.LittleEndian.Uint32(p)
		if p = p[4:]; uint64(n) > uint64(len(p)) {
			return nil, errLZ4
		}
		if out, err = lz4Block(out, p[:n], most); err != nil {
			return nil, err
		}
		p = p[n:]
	}
	return out, nil
}

// lz4Block appends what a block unpacks to (LZ4 block format). References reach
// back into the block only.
func lz4Block(out, p []byte, most int) ([]byte, error) {
	start := len(out)
	length := func(n int) (int, bool) { // of a field that may go on in further bytes
		for more := n == 15; more; {
			if len(p) == 0 || n > most {
				return 0, false
			}
			n += int(p[0])
			more, p = p[0] == 255, p[1:]
		}
		return n, true
	}
	for len(p) > 0 {
		token := int(p[0])
		p = p[1:]
		n, ok := length(token >> 4)
		if !ok || n > len(p) || n > most-len(out) {
			return nil, errLZ4
		}
		out, p = append(out, p[:n]...), p[n:]
		if len(p) == 0 {
			return out, nil // the last sequence has literals only
		}
		if len(p) < 2 {
			return nil, errLZ4
		}
		back := int(binary.LittleEndian.Uint16(p))
		p = p[2:]
		if n, ok = length(token & 15); !ok || back == 0 || back > len(out)-start {
			return nil, errLZ4
		}
		if n += 4; n > most-len(out) {
			return nil, fmt.Errorf("it unpacks to more than %d bytes", most)
		}
		for range n {
			out = append(out, out[len(out)-back])
		}
	}
	return out, nil
}
