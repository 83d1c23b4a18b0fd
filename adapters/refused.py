"""What refuses a file as a whole: raised wherever it is found, given by the reader as `Closing.refused`."""

from __future__ import annotations

from settlement.model.rejects import Reject


class FileRefusedError(Exception):
    """Nothing of the file may be kept: code, message with the remedy, and where it stands, as far as that is known.

    byte: offset in the file (-1: unknown); record: its number (0: none); field: what is wrong there ("": none).
    """

    def __init__(self, code: str, message: str, byte: int = -1, record: int = 0, name: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.byte, self.record, self.field = code, message, byte, record, name

    def reject(self, file: str) -> Reject:
        """As a value."""
        return Reject(file, self.record, self.byte, self.field, self.code, self.message)
