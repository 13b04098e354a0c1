# What the monitor is told; this one repeats it.
when
goto @failure
goto -3s
mark "before it"
events
ps
why $pc + 8
golive
goto
