/* count is started thrice, as two programs: the same code at the same addresses. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct tally {
	const char *of;
	long sum, last[4];
	int calls;
};

static struct tally tally;

__attribute__((noipa)) static long add(struct tally *t, int amount)
{
	int at = t->calls++ % 4;
	t->last[at] = amount;
	t->sum += amount;
	return t->sum;
}

__attribute__((noipa)) static void round_of(const char *name, int from)
{
	for (int i = 0; i < 3; i++) {
		int amount = from + i;
		add(&tally, amount);
	}
}

int main(int, char **argv)
{
	tally.of = argv[1];
	for (int i = 1;; i++) {
		round_of(tally.of, i * (int)strlen(tally.of));
		usleep(1000);
	}
}
