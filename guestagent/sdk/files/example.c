/* Build: cc -o example example.c. Prints where it runs. */
#include <stdio.h>
#include "vmrecord.h"

static int add(void *arg)
{
    const int *n = (const int *)arg;
    vmrecord_mark("adding");
    return n[0] + n[1] == 3 ? 0 : 1; /* 1 would be a failure, and kept */
}

int main(void)
{
    int numbers[2] = {1, 2};
    puts(vmrecord_in_vm() ? "inside a recording appliance" : "not inside a recording appliance");
    vmrecord_attr("example", "c");
    return vmrecord_guard("addition", add, numbers);
}
