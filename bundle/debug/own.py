# Selects the frame that called the recorder, and shows ten from there on: what
# stands above it are the SDK's port access and, behind a panic, Go's runtime.
import re

import gdb

SDK = re.compile(r"(.*/)?(vmrecordsdk|guestagent)/recorder\.|vmrecord_")


def inner():
    """The innermost frames, as many as calls of the SDK go deep."""
    frame, all = gdb.newest_frame(), []
    while frame is not None and len(all) < 64:
        all.append(frame)
        frame = frame.older()
    return all


def own(frames):
    """Which of them is the program's own; the first, where no symbols tell."""
    names = [f.name() or "" for f in frames]
    sdk = [i for i, n in enumerate(names) if SDK.match(n)]
    if not sdk:
        return 0
    for i in range(sdk[0], len(names)):
        if names[i] and not SDK.match(names[i]) and not names[i].startswith("runtime."):
            return i
    return 0


frames = inner()
n = own(frames)
gdb.execute("frame apply level %d-%d echo" % (n, n + 9))
gdb.execute("frame level %d" % n)
