"""What can go wrong with the ground the program stands on.

Each error is one sentence for the person at the terminal and carries the exit code of contract's table.
"""

from collections.abc import Sequence


class GroundError(Exception):
    """Something outside the rules is missing or in the way; `exit_code` is what the command line returns."""

    exit_code = 5


class ServiceUnreachable(GroundError):
    """A server (Temporal, PostgreSQL) does not answer, or did not come up."""


class MissingTool(GroundError):
    """A program that is needed is not on this machine."""


class PortBusy(GroundError):
    """A port that was asked for by number is taken."""


class AlreadyRunning(GroundError):
    """Another process holds this data directory."""


class DiskFull(GroundError):
    """Too little space where the data lie."""


class BadSettings(GroundError):
    """An environment variable has a value that can't be used."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("设置有误：" + "；".join(problems))


class UnknownRule(LookupError):
    """A duty, a pack or a matter that the rules don't have; the message is a Chinese sentence."""
