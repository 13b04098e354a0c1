/* Build: cc -o example example.c. Prints where it runs. */
#include <stdio.h>
#include "vmrecord.h"

static int add(int a, int b) { return a + b; }

int main(void)
{
    puts(vmrecord_in_vm() ? "inside a recording appliance" : "not inside a recording appliance");
    if (vmrecord_start("addition") != 0)
        puts("no recording");
    vmrecord_attr("example", "c");
    vmrecord_mark("adding");
    if (add(1, 2) != 3)
        vmrecord_fail("1 + 2 is not 3");
    vmrecord_stop(VMRECORD_DROP);
    return 0;
}
