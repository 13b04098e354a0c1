// Kernels for BenchmarkKernels: each takes a number of rounds and returns a
// checksum that kernels_test.go computes too. kernels.sh builds them.

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

static u64 roll(u64 *s) {
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static u8 bytes[65536];
static u64 words[3][4096];

// sieve counts primes below 65536: byte stores, short loops.
static u64 sieve(u64 rounds) {
	u64 sum = 0;
	while (rounds--) {
		for (u32 i = 0; i < sizeof bytes; i++)
			bytes[i] = 1;
		for (u32 i = 2; i < sizeof bytes; i++) {
			if (!bytes[i])
				continue;
			sum += i;
			for (u32 k = 2 * i; k < sizeof bytes; k += i)
				bytes[k] = 0;
		}
	}
	return sum;
}

static u32 turn(u32 x, int n) { return x >> n | x << (32 - n); }

// The constants of SHA-256 (FIPS 180-4, 4.2.2) are parts of cube roots of primes.
static void constants(u32 k[64]) {
	int n = 0;
	for (u64 p = 2; n < 64; p++) {
		u64 d = 2;
		while (d < p && p % d)
			d++;
		if (d < p)
			continue;
		u64 r = 0; // the root, 32 bits behind the point
		for (u64 bit = 1ul << 34; bit; bit >>= 1) {
			unsigned __int128 t = r | bit;
			if (t * t * t < (unsigned __int128)p << 96)
				r = t;
		}
		k[n++] = r;
	}
}

// sha256 hashes 4096 bytes, without padding: rotations, logic, additions.
static u64 sha256(u64 rounds) {
	static u32 k[64];
	u32 h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	constants(k);
	for (u32 i = 0; i < 4096; i++)
		bytes[i] = i * 7;
	while (rounds--) {
		for (u8 *p = bytes; p < bytes + 4096; p += 64) {
			u32 w[64], v[8];
			for (int i = 0; i < 16; i++)
				w[i] = (u32)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
			for (int i = 16; i < 64; i++) {
				u32 a = w[i - 15], b = w[i - 2];
				w[i] = w[i - 16] + w[i - 7] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
			}
			for (int i = 0; i < 8; i++)
				v[i] = h[i];
			for (int i = 0; i < 64; i++) {
				u32 e = v[4], a = v[0];
				u32 x = v[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + k[i] + w[i];
				u32 y = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
				v[7] = v[6], v[6] = v[5], v[5] = e, v[4] = v[3] + x;
				v[3] = v[2], v[2] = v[1], v[1] = a, v[0] = x + y;
			}
			for (int i = 0; i < 8; i++)
				h[i] += v[i];
		}
	}
	return (u64)h[0] << 32 | h[7];
}

// crc32 is IEEE's, of 4096 bytes, by a table: a chain of loads.
static u64 crc32(u64 rounds) {
	static u32 table[256];
	for (u32 i = 0; i < 256; i++) {
		u32 c = i;
		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
		table[i] = c;
	}
	for (u32 i = 0; i < 4096; i++)
		bytes[i] = i * 7;
	u32 c = ~0u;
	while (rounds--)
		for (u32 i = 0; i < 4096; i++)
			c = table[(u8)c ^ bytes[i]] ^ c >> 8;
	return ~c;
}

enum { SIDE = 48 };

// matmul multiplies matrices of 64-bit numbers.
static u64 matmul(u64 rounds) {
	u64 *a = words[0], *b = words[1], *c = words[2], s = 88172645463325252, sum = 0;
	for (int i = 0; i < SIDE * SIDE; i++)
		a[i] = roll(&s), b[i] = roll(&s);
	while (rounds--) {
		for (int i = 0; i < SIDE; i++)
			for (int j = 0; j < SIDE; j++) {
				u64 t = 0;
				for (int k = 0; k < SIDE; k++)
					t += a[i * SIDE + k] * b[k * SIDE + j];
				c[i * SIDE + j] = t;
			}
		u64 *t = a;
		a = c, c = t;
	}
	for (int i = 0; i < SIDE * SIDE; i++)
		sum = sum * 31 + a[i];
	return sum;
}

// chase follows a list of 65536 nodes through one MiB in random order.
static u64 chase(u64 rounds) {
	static struct node { struct node *next; u64 value; } nodes[65536];
	static u32 order[65536];
	u64 s = 88172645463325252, sum = 0;
	for (u32 i = 0; i < 65536; i++)
		order[i] = i;
	for (u32 i = 65535; i > 0; i--) {
		u32 k = roll(&s) % i, t = order[i];
		order[i] = order[k], order[k] = t;
	}
	for (u32 i = 0; i < 65536; i++) {
		nodes[order[i]].next = &nodes[order[(i + 1) % 65536]];
		nodes[order[i]].value = i;
	}
	struct node *n = nodes;
	for (u64 i = rounds * 65536; i > 0; i--) {
		sum = sum * 3 + n->value;
		n = n->next;
	}
	return sum;
}

static int less(u64 a, u64 b) { return a < b; }
static int more(u64 a, u64 b) { return a > b; }

static void sort(u64 *a, long n, int (*before)(u64, u64)) {
	while (n > 1) {
		u64 pivot = a[(n - 1) / 2];
		long i = 0, k = n - 1;
		for (;;) {
			while (before(a[i], pivot))
				i++;
			while (before(pivot, a[k]))
				k--;
			if (i >= k)
				break;
			u64 t = a[i];
			a[i++] = a[k], a[k--] = t;
		}
		sort(a, k + 1, before);
		a += k + 1, n -= k + 1;
	}
}

// quick sorts 4096 numbers: comparisons by indirect calls.
static u64 quick(u64 rounds) {
	static int (*const orders[])(u64, u64) = {less, more};
	u64 *a = words[0], s = 88172645463325252, sum = 0;
	while (rounds--) {
		for (int i = 0; i < 4096; i++)
			a[i] = roll(&s);
		sort(a, 4096, orders[rounds & 1]);
		for (int i = 0; i < 4096; i++)
			sum = sum * 31 + a[i];
	}
	return sum;
}

enum { LOAD, COPY, EVEN, HALF, TRIPLE, COUNT, LOOP, SKIP, STOP };

// bytecode interprets a program that adds up the lengths of Collatz sequences:
// an indirect jump for each of its instructions.
static u64 bytecode(u64 rounds) {
	static const u8 program[][3] = {
		{LOAD, 0, 1},  // r0: the first number
		{COPY, 1, 0},  // 1: r1 is where the sequence stands
		{EVEN, 1, 5},  // 2: go to 5 if it is even
		{TRIPLE, 1, 0},
		{SKIP, 6, 0},
		{HALF, 1, 0},  // 5
		{COUNT, 2, 0}, // 6: r2 is the sum of lengths
		{LOOP, 1, 2},  // go to 2 unless r1 is 1
		{COUNT, 0, 0},
		{STOP, 0, 0},  // go to 1 unless r0 is beyond the last
	};
	u64 r[3] = {0}, last = rounds * 64;
	for (u32 pc = 0;;) {
		const u8 *i = program[pc++];
		switch (i[0]) {
		case LOAD: r[i[1]] = i[2]; break;
		case COPY: r[i[1]] = r[i[2]]; break;
		case EVEN: if (!(r[i[1]] & 1)) pc = i[2]; break;
		case HALF: r[i[1]] >>= 1; break;
		case TRIPLE: r[i[1]] = 3 * r[i[1]] + 1; break;
		case COUNT: r[i[1]]++; break;
		case LOOP: if (r[i[1]] > 1) pc = i[2]; break;
		case SKIP: pc = i[1]; break;
		default:
			if (r[0] > last)
				return r[2];
			pc = 1;
		}
	}
}

__attribute__((noinline)) static u64 fibonacci(u64 n) {
	if (n < 2)
		return n;
	return fibonacci(n - 1) + fibonacci(n - 2);
}

// fib is recursion: calls and returns.
static u64 fib(u64 rounds) {
	u64 sum = 0;
	while (rounds--)
		sum += fibonacci(18 + (rounds & 1));
	return sum;
}

// tree searches a binary tree that random keys made.
static u64 tree(u64 rounds) {
	static struct leaf { struct leaf *child[2]; u64 key; } leaves[8192];
	struct leaf *root = 0;
	u64 s = 88172645463325252, sum = 0;
	for (u32 i = 0; i < 8192; i++) {
		struct leaf **p = &root, *l = &leaves[i];
		l->child[0] = l->child[1] = 0;
		l->key = roll(&s);
		while (*p)
			p = &(*p)->child[(*p)->key < l->key];
		*p = l;
	}
	for (u64 i = 0; i < rounds * 1024; i++) {
		u64 key = roll(&s);
		struct leaf *l = root;
		while (l) {
			sum = sum * 5 + (u32)l->key;
			l = l->child[l->key < key];
		}
	}
	return sum;
}

static u64 bits(double d) {
	union { double d; u64 u; } x = {d};
	return x.u;
}

// nbody moves five bodies under gravity: scalar SSE2, with roots and quotients.
static u64 nbody(u64 rounds) {
	double at[5][3], v[5][3], mass[5];
	for (int i = 0; i < 5; i++) {
		mass[i] = i ? 0.01 * i : 40;
		for (int k = 0; k < 3; k++) {
			at[i][k] = i * (k + 3) - 2.5 * k;
			v[i][k] = i ? 0.5 * k - 0.25 * i : 0;
		}
	}
	for (u64 n = rounds * 256; n > 0; n--) {
		for (int i = 0; i < 5; i++)
			for (int j = i + 1; j < 5; j++) {
				double d[3], q = 0.125;
				for (int k = 0; k < 3; k++) {
					d[k] = at[i][k] - at[j][k];
					q += d[k] * d[k];
				}
				double f = 0.001 / (q * __builtin_sqrt(q));
				for (int k = 0; k < 3; k++) {
					v[i][k] -= d[k] * mass[j] * f;
					v[j][k] += d[k] * mass[i] * f;
				}
			}
		for (int i = 0; i < 5; i++)
			for (int k = 0; k < 3; k++)
				at[i][k] += 0.001 * v[i][k];
	}
	u64 sum = 0;
	for (int i = 0; i < 5; i++)
		for (int k = 0; k < 3; k++)
			sum = sum * 31 + bits(at[i][k]) + bits(v[i][k]);
	return sum;
}

typedef float v4 __attribute__((vector_size(16)));

// saxpy adds a multiple of one vector to another: packed SSE.
static u64 saxpy(u64 rounds) {
	static union { v4 v[1024]; float f[4096]; u32 u[4096]; } x, y;
	for (int i = 0; i < 4096; i++)
		x.f[i] = i * 0.25f, y.f[i] = 4096 - i;
	while (rounds--) {
		float a = (rounds & 7) * 0.125f - 0.4f;
		v4 f = {a, a, a, a};
		for (int i = 0; i < 1024; i++)
			y.v[i] += f * x.v[i];
	}
	u64 sum = 0;
	for (int i = 0; i < 4096; i++)
		sum = sum * 31 + y.u[i];
	return sum;
}

__attribute__((section(".table"), used)) static u64 (*const table[])(u64) = {
	sieve, sha256, crc32, matmul, chase, quick, bytecode, fib, tree, nbody, saxpy,
};
