"""Opens one workbook in a process of its own, for safe_workbook: the reader of a hostile file may abort, or eat memory.

Standard input: the file. Arguments: limits and the sheet's name ("": the first). Standard output: JSON lines; rows as
arrays, dates as {"type": ISO text}, then "end"; or one object with `code`. Imports nothing of this project.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from datetime import date, datetime, time, timedelta


def _plain(cell: object) -> object:
    match cell:
        case datetime():
            return {"datetime": cell.isoformat()}
        case date():
            return {"date": cell.isoformat()}
        case time():
            return {"time": cell.isoformat()}
        case timedelta():
            return {"seconds": cell.total_seconds()}
        case _:
            return cell


def main(limits: list[int], name: str) -> None:
    """Writes the rows of a sheet, or why it cannot. `limits`: bytes of memory, CPU seconds, cells, columns."""
    memory, seconds, max_cells, max_columns = limits
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, WorkbookClosed, XmlError, ZipError

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
        if not book.sheet_names or (name and name not in book.sheet_names):
            print(json.dumps({"code": "NO_SHEET"}))
            return
        sheet = book.get_sheet_by_name(name or book.sheet_names[0])
    except (CalamineError, PasswordError, WorkbookClosed, XmlError, ZipError, OSError, ValueError):
        print(json.dumps({"code": "DAMAGED"}))
        return
    except BaseException as error:  # a panic of the Rust reader is no Exception
        if type(error).__name__ != "PanicException":
            raise
        print(json.dumps({"code": "DAMAGED"}))
        return
    if sheet.total_width > max_columns or sheet.total_width * sheet.total_height > max_cells:
        print(json.dumps({"code": "SHEET_TOO_LARGE"}))
        return
    for row in sheet.iter_rows():
        print(json.dumps([_plain(cell) for cell in row]))
    print('"end"')


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:5]], sys.argv[5])
