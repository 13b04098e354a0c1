// Package wall encloses a process that reads what a stranger made: a bundle's
// parsers and the machine that it describes. Should one of them have a hole, what
// comes through it finds next to nothing.
//
// Two walls stand independently, each where the kernel allows it:
//
//   - Namespaces (namespaces(7)), for a worker of the inbox. It is a process of its
//     own, which sees no other process and has no network, not even a loopback, no
//     capabilities, and a root directory in which there is nothing but the wall's
//     files and folders, most of them read-only, and a /proc that knows only itself.
//     They need Linux 5.12, and a host that lets its users make them.
//   - Landlock (landlock(7)), for a worker, and for verify and replay in their own
//     process. It opens no file but the wall's, and executes none. Cutting files short
//     it prevents from its ABI 3 (Linux 6.2) on, TCP from ABI 4 (6.7), abstract Unix
//     sockets and signals to others from ABI 6 (6.12), UDP from ABI 10.
//
// A worker has limits besides: four hours of processor time, 64 GiB of addresses, 256
// open files, no core dump, and as much in one file as its caller says.
//
// Where a wall cannot be had the programs say so and go on: whether bundles are better
// read elsewhere is for their user to judge. What can be had is found out before a
// bundle is opened, so that none has a say in it; what goes wrong later is an error.
//
// What the wall is not: a worker reads the keys that open bundles, since it must, and
// its environment, from which "inbox" leaves out what its mail server wants; and it can
// put what it likes into its verdict and the checkpoints that it leaves, which others
// read as a stranger's. System calls are not filtered, so a
// hole in the host's kernel is in reach. Nothing is done about side channels. verify and
// replay see other processes, and where Landlock is too old for it they can still send.
// The verbs for engineers, gdb, golive, inspect and so on, and replay --takeover stand
// outside.
package wall
