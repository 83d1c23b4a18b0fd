"""Every adapter by name. A format is chosen by its name, never by looking at a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from adapters.accounts import ADAPTERS as ACCOUNTS
from adapters.base import Adapter
from adapters.description import Part
from adapters.feeds import ADAPTERS as FEEDS
from adapters.feeds.pos_settings import PosSettings
from adapters.payments import ADAPTERS as PAYMENTS
from adapters.payments.bank_template import payout_layout
from adapters.yaml_document import shipped_documents
from settlement.model.errors import BadInput
from settlement.model.outcomes import INSTRUMENTS, Rail

ALL: tuple[Adapter, ...] = (*FEEDS, *ACCOUNTS, *PAYMENTS)
_BY_NAME = {entry.name: entry for entry in ALL}
assert len(_BY_NAME) == len(ALL), "two adapters have one name"
# What each format's readers and writers look at in a source's settings (a test holds it to their sources).
_TRANSACTION = ("bad_row", "rail", "instrument")
SETTINGS: dict[str, tuple[str, ...]] = {
    "citizen_card": (*_TRANSACTION, "layout", "issuer"),
    "pos_iso8583": (*_TRANSACTION, *PosSettings.model_fields),
    "unionpay_zm": (*_TRANSACTION, "layout"),
    "unionpay_acom": (*_TRANSACTION, "layout", "approved", "record"),
    "mapped_csv": (*_TRANSACTION, "mapping", "encoding", "sheet"),
    "camt053": ("details", "message_id", "created_at"),
    "camt054": ("details",),
    "mt940": ("encoding",),
    "bank_csv": ("layout", "encoding", "account", "sheet", "separator"),
    "pain001": (
        "version", "message_id", "created_at", "execution_date", "debtor_name", "debtor_account", "debtor_bank_code",
    ),
    "pain002": (),
    "bank_result": ("layout", "message_id"),
}  # fmt: skip
# what each is for; those of pos_iso8583 alone stand in its own description
MEANS = {
    "account": "the account's number, where the export does not name it",
    "approved": "answer codes of success, with commas between them",
    "bad_row": "reject_row (the file goes on) or reject_file",
    "clearing_date": "the file's clearing date, YYYY-MM-DD, where neither the file nor its name gives it",
    "created_at": "CreDtTm of the message",
    "debtor_account": "the account that is paid from",
    "debtor_bank_code": "its 联行号",
    "debtor_name": "its name",
    "details": "rows (a line for each detail of an entry) or entry (a line for each entry)",
    "encoding": "of the text; strict",
    "execution_date": "ReqdExctnDt, YYYY-MM-DD",
    "instrument": "citizen_card, bank_card or e_card of every record; else it follows from the card",
    "issuer": "发卡机构 in the header of a written file",
    "layout": "a layout that ships, or a YAML file (docs/mapping.md)",
    "mapping": "a mapping that ships, or a YAML file (docs/mapping.md)",
    "message_id": "MsgId; of a result file, the payout batch that it answers",
    "rail": "pos, purse or bank_account of every record",
    "record": "acomn (500 bytes) or acoma (400 bytes; 951 are told by the first line, and written as acoma_951)",
    "separator": "between cells, where it is not found by itself",
    "sheet": "name of the workbook's sheet",
    "version": "of pain.001: 09 or 03",
}
# settings of a source that stand for every record of its files: a word that nobody knows would match no rule
_CHOICES = {"instrument": INSTRUMENTS, "rail": tuple(Rail)}
_ANY_FIELD = frozenset({"bank_template"})  # fields of its layout take the setting of their name too
# the setting that names a layout of a package
_TAKES = {"adapters.feeds": "mapping", "adapters.accounts": "layout", "adapters.payments": "layout"}


def adapter(name: str) -> Adapter:
    """The adapter of a format. BadInput: there is none of that name."""
    found = _BY_NAME.get(name)
    if found is None:
        layout = next((row for row in shipped() if row[0] == name), None)
        if layout is not None:
            raise BadInput(f"{name} is a layout, no format: write --format {layout[1]} --set {layout[2]}={layout[3]}")
        raise BadInput(f"format {name!r} is not known; `puhui feed list` names them: {_near(name, sorted(_BY_NAME))}")
    return found


def check_settings(
    format_name: str, given: Iterable[str], where: str, others: Mapping[str, object] | None = None
) -> None:
    """BadInput where a setting is none that the format looks at, or its word none of those; `where` is its place.

    `others`: every setting in force, where the layout among them says which names there are.
    """
    values = given if isinstance(given, Mapping) else {}
    if format_name in _ANY_FIELD:
        layout = payout_layout(others or {})
        lines = (*layout.header, layout.record, *layout.trailer)
        fields = dict.fromkeys(field.name for line in lines for field in line.fields if field.constant is None)
        known: tuple[str, ...] = ("layout", "message_id", *fields, "clearing_date")
    else:
        known = (*SETTINGS[format_name], "clearing_date")
    for name in given:
        if name not in known:
            raise BadInput(f"{where}{name}: {format_name} has no such setting; it takes {_near(name, known)}")
        if format_name not in _ANY_FIELD and name in values and values[name] not in _CHOICES.get(name, (values[name],)):
            raise BadInput(f"{where}{name}: {values[name]!r} is none of {', '.join(_CHOICES[name])}; correct it")


def settings_of(format_name: str) -> Part:
    """The settings of a format and what each is for."""
    names = ("layout",) if format_name in _ANY_FIELD else SETTINGS[format_name]
    told = [(name, MEANS[name]) for name in sorted({*names, "clearing_date"}) if name in MEANS]
    if format_name in _ANY_FIELD:
        told.append(("(any)", "a field of the layout that no item has takes the setting of its name"))
    return Part("settings (--set, or `settings` in puhui.toml)", ("name", "what"), told)


def _near(name: str, known: Sequence[str]) -> str:
    """The known names, with the one that was perhaps meant."""
    near = get_close_matches(name, known, 1)
    return ", ".join(known) + (f" (did you mean {near[0]}?)" if near else "")


def shipped() -> list[tuple[str, str, str, str, str]]:
    """(layout, format, setting, value, title) of every layout and mapping that ships, by format."""
    found = []
    for package, setting in _TAKES.items():
        for name, document in shipped_documents(package):
            found.append((name, *_use(package, name, document, setting), str(document["title"])))
    return found


def _use(package: str, name: str, document: dict[str, object], setting: str) -> tuple[str, str, str]:
    """(format, setting, value) that choose a layout."""
    if package == "adapters.accounts":
        return "bank_csv", setting, name
    if package == "adapters.payments":
        return ("bank_result" if document.get("gives") == "result" else "bank_template"), setting, name
    if "columns" in document:
        return "mapped_csv", setting, name
    if name.startswith("unionpay_aco"):
        return "unionpay_acom", "record", name.removeprefix("unionpay_")
    return name, "layout", name
