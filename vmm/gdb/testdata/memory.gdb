# A replay cannot be changed; for memory gdb 13 has words of its own.
goto 50000
set var *(long *) $sp = 1
