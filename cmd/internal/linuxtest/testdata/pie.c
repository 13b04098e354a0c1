/* pie is started by caller, wherever the kernel puts it. */
struct point {
	int x, y;
};
enum color { RED, GREEN };

__attribute__((noipa)) long mix(signed char c, unsigned short u, const char *s, struct point p, double d, enum color k, long big, long stacked)
{
	return c + u + s[0] + p.x + p.y + (long)d + k + big + stacked;
}

int main(void)
{
	struct point p = { 3, -4 };
	return mix(-5, 65000, "from C", p, 2.5, GREEN, -1, 77) != 65000 + 'f' + 73;
}
