package wire

// The two ports, and the value in EAX that makes an access a call.
const (
	Port     = 0x5658     // IN EAX,DX: one call by registers
	PortHigh = 0x5659     // REP OUTSB and REP INSB: a message's bytes at once
	Magic    = 0x564D5868 // EAX of every call
	Nothing  = 0xFFFFFFFF // EAX after an unknown command or a wrong magic
)

// Commands, in CX.
const (
	CmdGetMHz           = 1
	CmdGetVersion       = 10
	CmdGetHWVersion     = 17
	CmdGetUUID          = 19
	CmdGetMemSize       = 20
	CmdGetTime          = 23
	CmdMessage          = 30
	CmdPointerData      = 39
	CmdPointerStatus    = 40
	CmdPointerCommand   = 41
	CmdGetHz            = 45
	CmdGetTimeFull      = 46
	CmdStateLogger      = 47
	CmdGetTimeFullLag   = 55
	CmdGetVCPUInfo      = 68
	CmdPointerRestrict  = 86
	VersionReply        = 6 // EAX of GETVERSION
	ProductWorkstation  = 4 // ECX of GETVERSION
	HardwareVersion     = 8 // EAX of GETHWVERSION
	VCPUReplayOK        = 1 << 2
	VCPULegacyX2APIC    = 1 << 3
	VCPUReserved        = 1 << 31
	MemSizeEBX          = 0x1177 // EBX of GETMEMSIZE, as QEMU answers it
	CPUIDSignature      = "VMwareVMware"
	CPUIDHypervisorLeaf = 0x40000000
	CPUIDHypervisorBit  = 31 // of CPUID.1:ECX
)

// Operations of STATELOGGER, in EBX.
const (
	LogReplayable  = 0
	LogStart       = 1
	LogStop        = 2
	LogSnapshotUID = 3
	LogPosition    = 4
	LogReplay      = 100
)

// Results of STATELOGGER, in EAX. Only LogAccepted has AX = 1.
const (
	LogAccepted  = 1
	LogRunning   = 2 // start: a recording runs already
	LogIdle      = 3 // stop: nothing is recording
	LogOff       = 4 // the configuration gives the guest no control
	LogExhausted = 5 // the configured number of recordings is used up
)

// Sub-types of MESSAGE, in ECX bits 31:16.
const (
	MsgOpen        = 0
	MsgSendSize    = 1
	MsgSendPayload = 2
	MsgRecvSize    = 3
	MsgRecvPayload = 4
	MsgRecvStatus  = 5
	MsgClose       = 6
)

// Status bits of MESSAGE, in ECX bits 31:16 of the result.
const (
	StatusSuccess    = 1 << 0
	StatusDoRecv     = 1 << 1 // a message waits for the guest
	StatusClosed     = 1 << 2
	StatusUnsent     = 1 << 3
	StatusCheckpoint = 1 << 4 // resumed from a snapshot: start this message again
	StatusPowerOff   = 1 << 5
	StatusTimeout    = 1 << 6
	StatusHigh       = 1 << 7 // the high-bandwidth port may be used
)

// What EBX of MESSAGE OPEN asks for.
const (
	ProtocolRPCI = 0x49435052 // "RPCI": the guest asks, the machine replies
	ProtocolTCLO = 0x4F4C4354 // "TCLO": the machine asks, the guest replies
	FlagCookie   = 1 << 31
)

// Limits on both sides.
const (
	MaxChannels     = 128
	MaxMessageBytes = 64 << 10
	RoomBytes       = 40 << 10 // for messages under way
)
