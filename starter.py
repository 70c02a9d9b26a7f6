#!/usr/bin/env python
"""The command line of ClueFlow: `python starter.py --help`."""

import os
import sys


def run() -> None:
    from cli.main import main

    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Python 3.11 may abort at exit (PyGILState_Release) once a worker has run in the process.
    os._exit(code)


if __name__ == "__main__":
    run()
