// Package wire holds what the guest and the machine must agree on at the
// backdoor ports: numbers, register layouts, and the text of our own requests.
// It imports nothing, so that any guest program can carry a copy.
//
// Facts are those of the VMware backdoor as the open-vm-tools headers
// backdoor_def.h, guest_msg_def.h and statelogger_backdoor_def.h (2008-2010)
// give them; the section "Our extension" is ours.
//
// # A call
//
// IN EAX,DX with EAX = [Magic], CX = command, ECX bits 31:16 = sub-type,
// EBX = argument, DX = [Port], EDX bits 31:16 = channel, ESI and EDI as the
// command says. Results come back in the same registers. A register not named
// as a result keeps its value, and flags never change. An unknown command gives
// EAX = [Nothing].
//
// # STATELOGGER, command 47
//
// EBX holds the operation ([LogStart] and its kin). A request is accepted if
// and only if AX = 1. The public headers do not say what the other results look
// like; these are ours:
//
//	EBX  operation         accepted                       refused
//	0    VM_REPLAYABLE     EAX=1                          EAX=4 control is off
//	1    START_LOGGING     EAX=1                          EAX=2, 4 or 5
//	2    STOP_LOGGING      EAX=1                          EAX=3 or 4
//	3    LAST_SNAPSHOT_UID EAX=1, EBX=uid                 EAX=4
//	4    GET_BRANCH_COUNT  EAX=1, ECX:EBX=position        EAX=3 or 4
//	100  START_REPLAYING   never                          EAX=4
//
// Refusals are 2 already recording, 3 nothing is recording, 4 the appliance's
// configuration gives the guest no control of recording, 5 the configured number
// of recordings in this run is used up. uid counts the recordings started since
// power-on, 0 before the first. The position is the Instant (steps since
// power-on) of the IN itself.
//
// Accepted means that the machine took the request at that Instant. The
// recording's snapshot is taken at the boundary after the IN has retired, so the
// recorded run and each replay see the same result. On stop the IN is the last
// recorded instruction. What the host can or cannot store never shows in a
// result.
//
// # MESSAGE, command 30
//
// ECX bits 31:16 hold the sub-type. Every result has its status in ECX bits
// 31:16. After OPEN the channel stands in EDX bits 31:16, and the two cookies
// OPEN returned stand in ESI and EDI.
//
//	sub-type         argument                            result beside the status
//	0 OPEN           EBX=protocol|FlagCookie             EDX[31:16]=channel, ESI, EDI=cookies
//	1 SENDSIZE       EBX=bytes to come
//	2 SENDPAYLOAD    EBX=four bytes, first is lowest
//	3 RECVSIZE                                           EBX=bytes waiting, EDX[31:16]=1
//	4 RECVPAYLOAD    EBX=1 (the last step was well)      EBX=four bytes, EDX[31:16]=2
//	5 RECVSTATUS     EBX=1 (the whole reply was well)
//	6 CLOSE
//
// A message is at most [MaxMessageBytes] long, and at most [MaxChannels]
// channels are open at once; what is under way in all of them together must fit
// into [RoomBytes], else SENDSIZE is refused. [StatusCheckpoint] in a status says
// that the machine was resumed from a snapshot in the middle of a message, and
// that this step was not taken: the guest starts again to send, from SENDSIZE, or
// to receive, from RECVSIZE. So each request is obeyed once. On the protocol [ProtocolRPCI] the
// guest sends a request and receives one reply: "1 " and a text when it was
// obeyed, "0 " and the reason when not.
//
// # Our extension
//
// These requests travel over RPCI beside the standard ones. vmware-rpctool,
// unmodified, can send each.
//
//	request                     effect                              reply
//	vmrecord.version            none                                1 vmrecord 1
//	vmrecord.status             none                                1 STATE UID [NAME]
//	vmrecord.prepare NAME       names the next recording            1
//	vmrecord.attr KEY VALUE     adds an attribute                   1
//	vmrecord.start NAME         prepare, then as START_LOGGING      1
//	vmrecord.mark TEXT          names this Position                 1
//	vmrecord.fail REASON        this recording shows a failure      1
//	vmrecord.keep               keep this recording when it stops   1
//	vmrecord.drop               drop this recording when it stops   1
//	vmrecord.stop keep|drop     keep or drop, then as STOP_LOGGING  1
//	vmrecord.save REASON        what was recorded so far is kept    1
//
// Grammar: a request is the verb, and for a verb with arguments one blank and
// the arguments. The last argument (NAME, VALUE, TEXT, REASON) runs to the end
// of the message, blanks included, so nothing is ever quoted or escaped. It is
// UTF-8 without control characters (U+0000 to U+001F, U+007F to U+009F), is not
// empty, and neither begins nor ends with a blank; VALUE may be empty, and the
// blank before it then stays. KEY is letters, digits, '.', '-' and '_'. Bounds in
// bytes: NAME [MaxName], KEY [MaxKey], VALUE [MaxValue], TEXT [MaxMark], REASON
// [MaxReason]; at most [MaxAttrs] attributes for one recording. One NUL at the
// end of the message is ignored, as C clients send it. Anything else is refused
// with "0 " and a reason, and changes nothing. [Request.Format] makes any text
// fit: it puts blanks for control characters and cuts what is too long.
//
// STATE is idle, recording or off (no control by the guest). UID is that of
// LAST_SNAPSHOT_UID in decimal; NAME stands when recording and a name was given.
// A client ignores words that follow in a version reply.
//
// prepare clears the attributes collected for the next recording. attr applies to
// the running recording, else to the next one. keep and drop say what becomes of
// the running recording when it stops by whatever means; the later one counts,
// and before either the recording is kept. fail implies keep for good: a drop
// after it is refused. mark, fail, keep, drop and stop are refused when nothing
// is recording, save too; start and prepare when something is, and all but version and
// status when control is off. start takes effect when the last byte of the
// request has arrived: the IN that brings it is then the last instruction before
// the snapshot, and for stop the last one recorded.
//
// A machine may record always, and keep the last while, its ring. Then mark, fail
// and save are obeyed while nothing else is recording: save and fail have the host
// keep what the ring holds, and a while of what follows. STATE is idle all the
// same, and start begins a recording in place of the ring. While one is recording,
// save is mark and keep.
//
// A client that wants nothing of its own messages at the edge of a recording
// sends prepare and attr, then START_LOGGING; and at the end keep or drop, then
// STOP_LOGGING.
//
// # Facts
//
// A standard request, "info-set guestinfo.KEY VALUE", is how the guest tells what
// stays true for longer than a recording: a variable whose KEY begins with
// [FactPrefix] is a fact of every recording that starts while the machine has it.
// KEY is at most 64 bytes, of variables there are 32, and 8192 bytes of all keys
// and values; [FormatFact] makes any text fit one.
//
// # Version rule
//
// [Version] is raised when a request changes its meaning. New verbs do not raise
// it: an old machine refuses them with "0 ".
package wire
