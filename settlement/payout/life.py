"""The life of a payout batch: drafted, approved, released, sent; or voided. What a person may do next, and who.

Approval names the digest of the file; a release is of that digest by another person than the approver, and
neither is the maker. After a release only `sent` may follow: an item's fate is then the bank's answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from settlement.model.errors import NotAllowed

STEPS = ("approved", "released", "sent", "voided")


@dataclass(frozen=True, slots=True)
class Decided:
    """One step taken: who took it on which digest."""

    step: str
    actor: str
    digest: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A drafted batch and the steps taken since."""

    batch_no: str
    maker: str
    digest: str
    execution_date: date
    decided: tuple[Decided, ...] = ()

    @property
    def state(self) -> str:
        """drafted, approved, released, sent or voided."""
        taken = {d.step for d in self.decided}
        return next((step for step in ("voided", "sent", "released", "approved") if step in taken), "drafted")

    def taken(self, step: str) -> Decided | None:
        """The decision of that step, if taken."""
        return next((d for d in self.decided if d.step == step), None)


def _refuse(batch: Batch, what: str, remedy: str) -> NotAllowed:
    return NotAllowed(f"payout {batch.batch_no}: {what}; {remedy}")


def may_approve(batch: Batch, actor: str, open_date: date) -> None:
    """NotAllowed unless `actor` may approve `batch` on the open business date."""
    if batch.state != "drafted":
        raise _refuse(batch, f"it is {batch.state}", "only a drafted batch is approved (puhui payout list)")
    if actor == batch.maker:
        raise _refuse(batch, f"{actor} made it", "another person approves")
    _in_time(batch, open_date)


def may_release(batch: Batch, actor: str, rebuilt: str, open_date: date) -> Decided:
    """The approval under which `actor` may release `batch`, whose file rebuilt from its rows has digest `rebuilt`."""
    approval = batch.taken("approved")
    if batch.state == "voided":
        raise _refuse(batch, "it is voided", "the night drafted what it pays anew (puhui payout list)")
    if batch.state in {"released", "sent"}:
        raise _refuse(batch, f"it is {batch.state}", "its file has left and leaves once (puhui payout show)")
    if batch.state != "approved" or approval is None:
        raise _refuse(batch, f"it is {batch.state}", "only an approved batch is released (puhui payout approve)")
    if actor in {batch.maker, approval.actor}:
        raise _refuse(batch, f"{actor} made or approved it", "another person releases")
    if not approval.digest == batch.digest == rebuilt:
        raise _refuse(batch, "the file is not the one that was approved", "tell the administrator; it is drafted anew")
    _in_time(batch, open_date)
    return approval


def may_confirm(batch: Batch, actor: str) -> None:
    """NotAllowed unless `actor` may confirm that the bank has the file."""
    if batch.state != "released":
        raise _refuse(batch, f"it is {batch.state}", "only a released batch is confirmed as sent")
    if actor == batch.maker:
        raise _refuse(batch, f"{actor} made it", "another person confirms")


def _in_time(batch: Batch, open_date: date) -> None:
    if open_date > batch.execution_date:
        when = f"its execution date {batch.execution_date} has passed"
        raise _refuse(batch, when, "the next night drafts it anew")


def over_drawn(
    funds: Iterable[tuple[str, int]], paid: Iterable[tuple[str, int]], overdraft_fen: dict[str, int]
) -> list[tuple[str, int]]:
    """(sponsor, fen) below its agreed overdraft once `paid` has left: by sponsor, sorted.

    `funds`: received of each sponsor. `paid`: its shares of everything released so far and of this release.
    """
    left = dict(funds)
    for sponsor, share in paid:
        left[sponsor] = left.get(sponsor, 0) - share
    beyond = {sponsor: fen + overdraft_fen.get(sponsor, 0) for sponsor, fen in left.items()}
    return sorted((sponsor, fen) for sponsor, fen in beyond.items() if fen < 0)
