package gdb

import (
	"fmt"
	"strings"
)

// describe is the target description: the registers of a session in gdb's
// XML (gdb manual, G), features in the order in which they come.
func describe(regs []register) string {
	arch := "i386"
	if regs[0].name == "rax" {
		arch = "i386:x86-64"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n<architecture>%s</architecture>\n", arch)
	open := ""
	for i, r := range regs {
		if r.feature != open {
			if open != "" {
				b.WriteString("</feature>\n")
			}
			open = r.feature
			fmt.Fprintf(&b, "<feature name=\"%s\">\n%s", open, types(open))
		}
		other := ""
		if r.name == "eflags" && arch != "i386" {
			other = " altname=\"rflags\"" // LLDB's; gdb takes no notice
		}
		fmt.Fprintf(&b, "<reg name=\"%s\"%s bitsize=\"%d\" type=\"%s\" regnum=\"%d\"/>\n", r.name, other, r.bits, r.typ, i)
	}
	b.WriteString("</feature>\n</target>\n")
	return b.String()
}

// types defines what a feature's registers are, as gdb shows them.
func types(feature string) string {
	switch feature {
	case featCore:
		return flags("i386_eflags", 4, "CF PF AF ZF SF TF IF DF OF NT RF VM AC VIF VIP ID",
			0, 2, 4, 6, 7, 8, 9, 10, 11, 14, 16, 17, 18, 19, 20, 21)
	case featSSE:
		return vec128 + flags("i386_mxcsr", 4, "IE DE ZE OE UE PE DAZ IM DM ZM OM UM PM FZ",
			0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15)
	case featSystem:
		return flags("i386_cr0", 8, "PE MP EM TS ET NE WP AM NW CD PG", 0, 1, 2, 3, 4, 5, 16, 18, 29, 30, 31) +
			flags("i386_cr4", 8, "VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT UMIP FSGSBASE PCIDE OSXSAVE SMEP SMAP",
				0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 20, 21) +
			flags("i386_efer", 8, "SCE LME LMA NXE AUTOIBRS", 0, 8, 10, 11, 21)
	}
	return ""
}

// flags is a type of single bits.
func flags(id string, size int, names string, bits ...int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<flags id=\"%s\" size=\"%d\">", id, size)
	for i, n := range strings.Fields(names) {
		fmt.Fprintf(&b, "<field name=\"%s\" start=\"%d\" end=\"%d\"/>", n, bits[i], bits[i])
	}
	b.WriteString("</flags>\n")
	return b.String()
}

// vec128 has the names that gdb's own descriptions gave its users.
const vec128 = `<vector id="v4f" type="ieee_single" count="4"/>
<vector id="v2d" type="ieee_double" count="2"/>
<vector id="v16i8" type="int8" count="16"/>
<vector id="v8i16" type="int16" count="8"/>
<vector id="v4i32" type="int32" count="4"/>
<vector id="v2i64" type="int64" count="2"/>
<union id="vec128">
<field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/><field name="v16_int8" type="v16i8"/>
<field name="v8_int16" type="v8i16"/><field name="v4_int32" type="v4i32"/><field name="v2_int64" type="v2i64"/>
<field name="uint128" type="uint128"/>
</union>
`
