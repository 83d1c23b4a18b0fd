"""The one tree of operating errors.

A data problem is a value (rejects.py), a programmer's error an assert; what is here stops a command. Every message is
one line: what is wrong, where, and what to do next. `exit_code` is the process status: 1 found something wrong, 2 bad
input or configuration, 3 try again.
"""

from __future__ import annotations


class PuhuiError(Exception):
    """Base of every operating error; its text is shown to the user as it is, without a traceback."""

    exit_code = 2


class BadInput(PuhuiError):
    """A file, an argument or a document that cannot be accepted."""


class BadConfiguration(PuhuiError):
    """puhui.toml, an environment variable, a key file or the programme folder is wrong or missing."""


class NotAllowed(PuhuiError):
    """The user may not do this, or a second person is needed."""


class NotFound(PuhuiError):
    """The named thing does not exist."""


class FoundWrong(PuhuiError):
    """A check found something wrong that a person must look at."""

    exit_code = 1


class TryAgain(PuhuiError):
    """A passing fault: the database is away, another run holds the lease, the disk is full."""

    exit_code = 3
