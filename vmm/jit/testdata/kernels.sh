#!/bin/sh
# Makes kernels.hex of kernels.c: machine code at 40000000h, which begins with a
# table of the kernels' addresses. kernels.hex names the compiler that made it.
set -eu
cd "$(dirname "$0")"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/ld" <<'END'
SECTIONS {
	. = 0x40000000;
	.all : { *(.table) *(.text*) *(.rodata*) *(.data*) }
	.bss : { *(.bss*) }
	/DISCARD/ : { *(*) }
}
END
gcc -O2 -Wall -ffreestanding -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables \
	-fcf-protection=none -fno-math-errno -ffp-contract=off -fno-tree-loop-distribute-patterns \
	-nostdlib -static -Wl,-e,0x40000000,--build-id=none,--no-warn-rwx-segments,-T,"$dir/ld" -o "$dir/elf" kernels.c
objcopy -O binary -j .all "$dir/elf" "$dir/bin"
{
	echo "# made by kernels.sh with $(gcc --version | head -n 1)"
	echo "# kernels.c: $(sha256sum kernels.c | cut -d ' ' -f 1)"
	od -An -v -tx1 -w32 "$dir/bin" | tr -d ' '
} >kernels.hex
