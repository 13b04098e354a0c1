struct small { short a; int b; };
struct two { long a; char b; };
struct large { long a[3]; };
struct mixed { int a; float b; };
enum color { RED = 1, GREEN = 7 };
typedef unsigned char byte;

__attribute__((noipa)) struct two scalars(signed char c, byte u, const char *s, struct small v, double d, enum color k, struct large l, long n, int last)
{
	struct two r = { c + u + s[0] + v.a + (long)d + k + l.a[1] + n + last, 1 };
	return r;
}

__attribute__((noipa)) double after(int known, struct mixed m, int hidden)
{
	return known + m.a + hidden;
}

int main(void)
{
	struct small v = { 0, 0 };
	struct large l = { { 0, 0, 0 } };
	struct mixed m = { 0, 0 };
	return scalars(0, 0, "", v, 0, RED, l, 0, 0).a + after(0, m, 0);
}
