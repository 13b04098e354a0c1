//go:build linux && amd64

package jit

import "vmrecord/vmm/x86"

// vectors are the semantics of SSE that are emitted again: their results are
// the architecture's, to the bit, on every processor. Not RCP and RSQRT, whose
// precision is the processor's own, nor what touches MMX registers.
var vectors = func() (t [x86.NumSem]bool) {
	for _, s := range []x86.Sem{
		x86.SemMovv, x86.SemMovd, x86.SemMovq, x86.SemMovss, x86.SemMovsd, x86.SemMovlps, x86.SemMovhps, x86.SemMovhlps,
		x86.SemMovlhps, x86.SemMovddup, x86.SemMovsldup, x86.SemMovshdup, x86.SemMovmskps, x86.SemMovmskpd,
		x86.SemPmovmskb, x86.SemAddpd, x86.SemAddps, x86.SemAddsd, x86.SemAddss, x86.SemSubpd, x86.SemSubps, x86.SemSubsd,
		x86.SemSubss, x86.SemMulpd, x86.SemMulps, x86.SemMulsd, x86.SemMulss, x86.SemDivpd, x86.SemDivps, x86.SemDivsd,
		x86.SemDivss, x86.SemSqrtpd, x86.SemSqrtps, x86.SemSqrtsd, x86.SemSqrtss, x86.SemMinpd, x86.SemMinps, x86.SemMinsd,
		x86.SemMinss, x86.SemMaxpd, x86.SemMaxps, x86.SemMaxsd, x86.SemMaxss, x86.SemAddsubpd, x86.SemAddsubps,
		x86.SemHaddpd, x86.SemHaddps, x86.SemHsubpd, x86.SemHsubps, x86.SemCmppd, x86.SemCmpps, x86.SemCmpsd, x86.SemCmpss,
		x86.SemComisd, x86.SemComiss, x86.SemUcomisd, x86.SemUcomiss, x86.SemCvtdq2pd, x86.SemCvtdq2ps, x86.SemCvtpd2dq,
		x86.SemCvtpd2ps, x86.SemCvtps2dq, x86.SemCvtps2pd, x86.SemCvtsd2si, x86.SemCvtsd2ss, x86.SemCvtsi2sd,
		x86.SemCvtsi2ss, x86.SemCvtss2sd, x86.SemCvtss2si, x86.SemCvttpd2dq, x86.SemCvttps2dq, x86.SemCvttsd2si,
		x86.SemCvttss2si, x86.SemPand, x86.SemPandn, x86.SemPor, x86.SemPxor, x86.SemBlendpd, x86.SemBlendps,
		x86.SemBlendvpd, x86.SemBlendvps, x86.SemPblendvb, x86.SemPblendw, x86.SemInsertps, x86.SemExtractps, x86.SemDppd,
		x86.SemDpps, x86.SemMpsadbw, x86.SemRoundpd, x86.SemRoundps, x86.SemRoundsd, x86.SemRoundss, x86.SemPabsb,
		x86.SemPabsd, x86.SemPabsw, x86.SemPackssdw, x86.SemPacksswb, x86.SemPackusdw, x86.SemPackuswb, x86.SemPaddb,
		x86.SemPaddd, x86.SemPaddq, x86.SemPaddsb, x86.SemPaddsw, x86.SemPaddusb, x86.SemPaddusw, x86.SemPaddw,
		x86.SemPalignr, x86.SemPavgb, x86.SemPavgw, x86.SemPcmpeqb, x86.SemPcmpeqd, x86.SemPcmpeqq, x86.SemPcmpeqw,
		x86.SemPcmpgtb, x86.SemPcmpgtd, x86.SemPcmpgtq, x86.SemPcmpgtw, x86.SemPextrb, x86.SemPextrd, x86.SemPextrw,
		x86.SemPhaddd, x86.SemPhaddsw, x86.SemPhaddw, x86.SemPhminposuw, x86.SemPhsubd, x86.SemPhsubsw, x86.SemPhsubw,
		x86.SemPinsrb, x86.SemPinsrd, x86.SemPinsrw, x86.SemPmaddubsw, x86.SemPmaddwd, x86.SemPmaxsb, x86.SemPmaxsd,
		x86.SemPmaxsw, x86.SemPmaxub, x86.SemPmaxud, x86.SemPmaxuw, x86.SemPminsb, x86.SemPminsd, x86.SemPminsw,
		x86.SemPminub, x86.SemPminud, x86.SemPminuw, x86.SemPmovsxbd, x86.SemPmovsxbq, x86.SemPmovsxbw, x86.SemPmovsxdq,
		x86.SemPmovsxwd, x86.SemPmovsxwq, x86.SemPmovzxbd, x86.SemPmovzxbq, x86.SemPmovzxbw, x86.SemPmovzxdq,
		x86.SemPmovzxwd, x86.SemPmovzxwq, x86.SemPmuldq, x86.SemPmulhrsw, x86.SemPmulhuw, x86.SemPmulhw, x86.SemPmulld,
		x86.SemPmullw, x86.SemPmuludq, x86.SemPsadbw, x86.SemPshufb, x86.SemPshufd, x86.SemPshufhw, x86.SemPshuflw,
		x86.SemPsignb, x86.SemPsignd, x86.SemPsignw, x86.SemPslld, x86.SemPslldq, x86.SemPsllq, x86.SemPsllw, x86.SemPsrad,
		x86.SemPsraw, x86.SemPsrld, x86.SemPsrldq, x86.SemPsrlq, x86.SemPsrlw, x86.SemPsubb, x86.SemPsubd, x86.SemPsubq,
		x86.SemPsubsb, x86.SemPsubsw, x86.SemPsubusb, x86.SemPsubusw, x86.SemPsubw, x86.SemPtest, x86.SemPunpckhbw,
		x86.SemPunpckhdq, x86.SemPunpckhqdq, x86.SemPunpckhwd, x86.SemPunpcklbw, x86.SemPunpckldq, x86.SemPunpcklqdq,
		x86.SemPunpcklwd, x86.SemShufpd, x86.SemShufps, x86.SemAesdec, x86.SemAesdeclast, x86.SemAesenc, x86.SemAesenclast,
		x86.SemAesimc, x86.SemAeskeygenassist, x86.SemPclmulqdq, x86.SemSha1msg1, x86.SemSha1msg2, x86.SemSha1nexte,
		x86.SemSha1rnds4, x86.SemSha256msg1, x86.SemSha256msg2, x86.SemSha256rnds2,
	} {
		t[s] = true
	}
	return t
}()
