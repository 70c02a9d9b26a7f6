"""Runs a program that dies with its starter: ``launch.py STARTER_PID SIGNAL UID:GID|- PROGRAM ARG…``.

Executed as a script, standard library only. It drops to another user if asked to (PostgreSQL refuses to run
as root), asks the kernel to send SIGNAL when the starter ends, however it ends, and becomes the program. On
systems without such a wish (all but Linux) the next start of the stack clears away what a killed one left.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(argv: list[str]) -> None:
    starter, signal_number, user, program = int(argv[0]), int(argv[1]), argv[2], argv[3:]
    os.umask(0o077)
    if user != "-":
        uid, gid = (int(part) for part in user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After setuid, which clears the wish.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != starter:  # it ended before we could ask
            raise SystemExit(1)
    os.execv(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])
