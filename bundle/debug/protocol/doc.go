// Package protocol lets a program look into a recording: a debugger's calls as
// JSON-RPC 2.0 (jsonrpc.org/specification), one object a line. What answers is the
// same debug.Session that gdb has.
//
// # Lines
//
// A request is a line of at most 1 MiB: {"jsonrpc":"2.0","id":1,"method":"seek",
// "params":{"to":"50%"}}. Parameters are an object; an unknown one is an error, and
// what is left out is 0, "" or as said below. Requests are carried out one after
// another, at most 64 wait. Without an id nothing is answered. There are no
// batches. When the requests end, so does the session, after the last.
//
// Addresses and registers are text in base 16, "0x7f00". Instants are numbers.
// A position to go to is text as the command line has it: "123456789",
// "123456789+4" with inputs, "12.5s", "-3s", "50%", "@mark", "failure", "end". A
// place, as answered by most methods, is
//
//	{"at":..,"inputs":..,"seconds":..,"comm":..,"pid":..,"tid":..,
//	 "addr":"0x..","where":"symbol+0x.. (file:line)","ring":0}
//
// without comm, pid, tid and where, if nobody knows.
//
// # Methods
//
//	info                      {"protocol":1,"file":..,"start":{..},"end":{..},
//	                          "hz":..,"marks":[..]}; positions are {"at","inputs"}
//	where                     the place
//	seek {to}                 goes to a position; the place
//	step {count,thread}       count instructions, 1 if not told, of a thread if one
//	stepBack {count}          is named; stops end it earlier; a run
//	continue                  to the next stop, or the end; a run
//	reverseContinue           to the last stop before, or the start; a run
//	setStops {stops,process}  replaces the list, of {"on","at","size"}: on is exec
//	                          (usual), read, write or access, size is bytes (8 if
//	                          not told); with process, only in programs of that
//	                          name. {"stops":[{"on","addr","size","where","of"}]};
//	                          of is the index in the request, as one name may be in
//	                          several places
//	clearStops                {"stops":[]}
//	readMemory {at,size,thread}  {"addr":..,"data":"hex"}, up to the first byte that
//	                          is not mapped; size is 1 to 1 MiB; "missing" says
//	                          where the bundle is of a level that leaves it out
//	registers {thread}        {"rax":"0x..",..}, those that are known
//	backtrace                 {"callers":[{"addr","where"}]}
//	threads                   {"threads":[{"id","name","note"}]}; the first runs
//	processes                 {"processes":[..]} as vmbundle ps --json; what is
//	                          missing in "error"
//	symbols {dir}             names of programs are known from then on
//	resolve {at}              {"places":[{"addr","where"}]} of a name, FILE:LINE, or
//	                          address
//	hash                      {"sha256":..} over the whole machine
//	events {count}            {"before":[..],"after":[..]}: inputs {"at","inputs",
//	                          "inlet","data":"hex"} and marks {"at","inputs","mark",
//	                          "text"}, count of each side (10 if not told)
//	console {lines}           {"lines":[..]}, the last before here (10)
//	probe {at,print,symbols,process,return,from,to,limit}  a notification "shot" for
//	                          each hit, as vmbundle probe --format ndjson;
//	                          {"shots":n}; the session then stands at to, or where
//	                          the limit was reached
//	monitor {command}         {"text":..}: the commands that gdb has, as "why 0x1234"
//	close                     null, and the session ends
//
// Thread 0, or none, is what the processor runs. A run is {"reason":..,"stop":i,
// "note":..,"place":{..}}: reason is done, stop (i is its index in the answer of
// setStops), cancelled, start or end.
//
// # Notifications
//
// "progress" {"id":..,"done":..,"total":..} comes twice a second at most while a
// request takes more than one. "cancel" {"id":..} is the client's: that request
// ends soon, a run with reason "cancelled", any other with error 130.
//
// # Errors
//
// Codes are those of JSON-RPC: -32700 no JSON, -32600 no request, -32601 no such
// method, -32602 wrong parameters; or vmbundle's exit statuses: 1 failure, 2 a
// position or expression that cannot be read, 3 not found, 5 damaged, 7 the replay
// diverged, 130 cancelled.
//
// Version rule: info's "protocol" changes when a client has to.
package protocol
