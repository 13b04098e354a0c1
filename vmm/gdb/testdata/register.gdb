# A replay cannot be changed.
set var $rax = 1
