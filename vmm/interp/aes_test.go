package interp

import "testing"

// TestAES, TestClmul and TestSHA: one line a form. The results are a Zen 4's.
func TestAES(t *testing.T) {
	runOps(t, []op{
		{"66 0f 38 db ca", "int", "x1=c3fd5ee32e1eb70627382d36b6075060"},                                                    // aesimc %xmm2,%xmm1
		{"66 0f 38 dc ca", "int", "x1=a92617d17be5b6001126cd26c26a65e2"},                                                    // aesenc %xmm2,%xmm1
		{"66 0f 38 dd ca", "int", "x1=631a526236e9b245621415bf5283b24c"},                                                    // aesenclast %xmm2,%xmm1
		{"66 0f 38 de ca", "int", "x1=25e620353e4aaf7a35c09e2718f184dc"},                                                    // aesdec %xmm2,%xmm1
		{"66 0f 38 df ca", "int", "x1=522afd53948245f2537f6808b9f645bb"},                                                    // aesdeclast %xmm2,%xmm1
		{"66 0f 3a df ca 00", "int", "x1=7c6377cd6377cd7cf27c777b7c777bf2"},                                                 // aeskeygenassist $0,%xmm2,%xmm1
		{"66 0f 3a df ca 9b", "int", "x1=7c6377566377cd7cf27c77e07c777bf2"},                                                 // aeskeygenassist $0x9b,%xmm2,%xmm1
		{"66 0f 38 dc 0b", "int rbx=20000 [20000]=00028001ffff7ffe0102030480ff7f81", "x1=a92617d17be5b6001126cd26c26a65e2"}, // aesenc (%rbx),%xmm1
		{"66 0f 38 dc 0b", "int rbx=20008", "#GP"},                                                                          // misaligned
		{"66 0f 38 dc 0b", "int rbx=40000", "#PF"},                                                                          // not present
		{"66 0f 38 dc ca", "int cr0=80010039", "#NM"},                                                                       // CR0.TS
	})
}

func TestClmul(t *testing.T) {
	runOps(t, []op{
		{"66 0f 3a 44 ca 00", "int", "x1=001210dfe3bba59a7376c16b15aa3f80"}, // pclmullqlqdq %xmm2,%xmm1
		{"66 0f 3a 44 ca 01", "int", "x1=007f00fec0ab5496e94482ad55abaafe"}, // pclmulhqlqdq %xmm2,%xmm1
		{"66 0f 3a 44 ca 10", "int", "x1=00002d735da40830e3cdaa2bbf6a5500"}, // pclmullqhqdq %xmm2,%xmm1
		{"66 0f 3a 44 ca ff", "int", "x1=0000c00095553ffc95575554fffe5554"}, // pclmulqdq $0xff,%xmm2,%xmm1
		{"66 0f 3a 44 c9 11", "int", "x1=15555555400000000000000155555554"}, // pclmulhqhqdq %xmm1,%xmm1
		{"66 0f 3a 44 0b 00", "int rbx=20008", "#GP"},                       // misaligned
	})
}

func TestSHA(t *testing.T) {
	runOps(t, []op{
		{"0f 38 c8 ca", "int", "x1=20026001ffff7ffe0102030480ff7f81"},           // sha1nexte %xmm2,%xmm1
		{"0f 38 c9 ca", "int", "x1=6dcb00fe00fe807e123600ffff00007e"},           // sha1msg1 %xmm2,%xmm1
		{"0f 38 ca ca", "int", "x1=0001fffd0207f9f42597feff01fd00fa"},           // sha1msg2 %xmm2,%xmm1
		{"0f 3a cc ca 00", "int", "x1=1b2ac8a14746430c327c33c0d6dcdea9"},        // sha1rnds4 $0,%xmm2,%xmm1
		{"0f 3a cc ca 01", "int", "x1=36d326f2aeb86d83241c7c1460659b0c"},        // sha1rnds4 $1,%xmm2,%xmm1
		{"0f 3a cc ca 02", "int", "x1=aa35e5b58c7212f962b5b6aaa3d10f3a"},        // sha1rnds4 $2,%xmm2,%xmm1
		{"0f 3a cc ca ff", "int", "x1=2689ae97c32bc97c1745634cb747d099"},        // sha1rnds4 $0xff,%xmm2,%xmm1
		{"0f 38 cb ca", "int", "x1=ffbeddf3464c6b84bd50b8d47c46476e"},           // sha256rnds2 %xmm0,%xmm2,%xmm1
		{"0f 38 cc ca", "int", "x1=4cfdf130ef0210fd96343cfedf5cfd13"},           // sha256msg1 %xmm2,%xmm1
		{"0f 38 cd ca", "int", "x1=b4f47814b4520d0d2235219f513edf5f"},           // sha256msg2 %xmm2,%xmm1
		{"0f 38 cb 0b", "int rbx=20008", "x1=c8b366a68abc9a28472f15628abe9a26"}, // at any address
	})
}
