# The timer's handler is PUSH RAX; INC qword [RIP+n]: the gate of vector 20h
# has its address, the instruction that of what it counts.
set var $gate = (unsigned short *) ((unsigned long) 0x187000 + 0x20 * 16)
break *0x40000000
continue
set var $timer = $gate[0] + 0x10000ul * $gate[3]
x/2i $timer
set var $ticks = (long *) ($timer + 8 + *(int *) ($timer + 4))
break *$timer
continue
when
backtrace 1
set var $return = *(long *) $rsp
stepi 3
x/i $pc
print *$ticks
delete
watch *$ticks
continue
when
continue
when
# Back to before the instruction that wrote last, and to the one before.
reverse-continue
when
x/i $pc
print *$ticks
reverse-continue
when
info registers rip rax
# Breakpoints are met backward as well, in the other ring too.
delete
hbreak *$timer
reverse-continue
when
tbreak *$return
reverse-continue
when
info registers cs cpl
reverse-continue
when
