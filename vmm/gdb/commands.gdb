# Names of their own for the monitor's commands.

define when
  monitor when
end
document when
Tell the position: instants and inputs since the machine was switched on.
end

define goto
  monitor goto $arg0
  maintenance flush dcache
  maintenance flush register-cache
  x/i $pc
end
document goto
Go to a position: an instant, 12.5s, -3s from the end, 50%, @marker, failure, end.
end

define mark
  monitor mark $arg0
end
document mark
Give the current position a name, for goto.
end

define events
  monitor events
end
document events
List what came in and what was marked, with positions.
end

define ps
  monitor ps
end
document ps
List the guest's processes.
end

define why
  eval "monitor why %lu", (unsigned long) ($arg0)
end
document why
Tell where the bytes at an address were last written.
end

define who
  eval "monitor who %lu", (unsigned long) ($arg0)
end
document who
List the last reads and writes of an address.
end

define golive
  monitor golive
end
document golive
Tell how the guest is run on from here, another way than it was recorded.
end
