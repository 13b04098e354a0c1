# A script ends at a command that failed.
goto 99999999
when
