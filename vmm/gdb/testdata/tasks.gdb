# A task that does not run shows what was saved of it.
info threads
info registers rax rbx cr3
thread 2
info registers rax rbx rip eflags gs_base cr3 mxcsr
