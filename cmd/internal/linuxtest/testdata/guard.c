/* What TestFailures runs, with 64 bits and with 32: one guarded call. */
#include "vmrecord.h"

static int guarded(void *arg)
{
    const char *how = (const char *)arg;
    if (strcmp(how, "segv") == 0)
        *(volatile int *)0 = 1;
    return strcmp(how, "well") == 0 ? 0 : 7;
}

int main(int argc, char **argv) { return argc == 2 ? vmrecord_guard(argv[1], guarded, argv[1]) : 2; }
