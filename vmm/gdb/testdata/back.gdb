# A hundred steps back and forward again is nowhere.
goto 30000
monitor hash
reverse-stepi 100
when
stepi 100
when
monitor hash
# The ends of what is recorded.
reverse-continue
when
continue
when
stepi
reverse-stepi
when
# A hardware breakpoint is reached from both sides at the same place.
hbreak *$pc
reverse-stepi 50
continue
when
reverse-stepi
when
