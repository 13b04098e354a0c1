# Outside long mode the processor is described as an i386.
show architecture
info registers eax ecx edx ebx esp ebp esi edi eip eflags cr0 fs_base
print $xmm7.v2_int64[1]
print $st0
x/2i $pc
print $xmm8
