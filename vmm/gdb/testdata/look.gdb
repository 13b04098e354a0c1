# What the machine is like at its first instruction, and after 50 000.
info registers
x/8i $pc
info threads
print $xmm0
when
goto 50000
info registers rip rsp eflags cs cr3 cr0 cr4 efer k_gs_base mxcsr fctrl
x/2xg $rsp
# Nothing is mapped here.
x/xb 0x7000000000
