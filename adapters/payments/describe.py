"""What `puhui feed describe` prints for the payment formats that are not layouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.description import Part, lines

_PAIN001 = (
    ("message_id", "GrpHdr/MsgId and PmtInf/PmtInfId, 35"),
    ("created_at", "GrpHdr/CreDtTm: the stored time of the draft"),
    ("execution_date", "PmtInf/ReqdExctnDt"),
    ("debtor_name", "InitgPty/Nm and Dbtr/Nm, 140 (.03: 70)"),
    ("debtor_account", "DbtrAcct/Id/Othr/Id, 34"),
    ("debtor_bank_code", "DbtrAgt/FinInstnId/ClrSysMmbId, CNAPS, 12 digits with check digit"),
    ("(computed)", "NbOfTxs and CtrlSum of GrpHdr and PmtInf; read back before the file is given"),
    ("end_to_end_id", "CdtTrfTxInf/PmtId/EndToEndId, 35, unique"),
    ("amount", "Amt/InstdAmt, CNY, above 0"),
    ("payee_bank_code", "CdtrAgt/FinInstnId/ClrSysMmbId, CNAPS"),
    ("payee_bank_name", "CdtrAgt/FinInstnId/Nm, 140, may be empty"),
    ("payee_name", "Cdtr/Nm, 140 (.03: 70)"),
    ("payee_account", "CdtrAcct/Id/Othr/Id, 34"),
    ("remittance", "RmtInf/Ustrd, 140, may be empty"),
)
_PAIN002 = (
    ("message_id", "OrgnlGrpInfAndSts/OrgnlMsgId"),
    ("end_to_end_id", "TxInfAndSts/OrgnlEndToEndId; empty: the row speaks for all items that have no row of their own"),
    ("", "(from the group, or a block of that name without items; none where the file has rejects)"),
    ("amount", "TxInfAndSts/OrgnlTxRef/Amt/InstdAmt, where the bank repeats it, in CNY; of all items: OrgnlCtrlSum"),
    ("result", "paid: ACSC ACCC; rejected: RJCT CANC; unknown: every other status, a copy (AM05 DU01-DU05 DUPL),"),
    ("", "final statuses of group, block and item that oppose each other, a reason of refusal under a paid status,"),
    ("", "numbers by status (NbOfTxsPerSts) that say something else of all items than the group or block"),
    ("reason", "the status, then StsRsnInf/Rsn and AddtlInf; its block's where an unpaid item has none"),
)


def describe_pain001(settings: Mapping[str, Any]) -> list[Part]:
    """Settings and columns of pain001."""
    version = f"version {settings.get('version', '09')} (09 or 03)"
    return [lines("", [version]), Part("", ("name", "what"), _PAIN001)]


def describe_pain002(settings: Mapping[str, Any]) -> list[Part]:  # noqa: ARG001 every describe takes settings; this has none
    """Columns of pain002."""
    return [Part("", ("name", "what"), _PAIN002)]
