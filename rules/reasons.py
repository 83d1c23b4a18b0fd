"""Why a transaction got what it got, in plain Chinese and English: the sentences of `rules.explain`."""

from __future__ import annotations

from rules.documents import Claimed, Price, Scheme, Steps, Tiers
from rules.memory import Charge
from rules.reference import Cut, Figure, Looked, Row
from rules.terms import Terms
from rules.words import POLICY, Words, benefit_words, cap_words, condition_words, effective_words, limit_words, yuan
from settlement.model.outcomes import Outcome

PASSED_OVER = {
    "effective": Words("不在活动期内", "not in force on that day"),
    "merchants.category": Words("商户类别不符", "the merchant's category is not in it"),
    "merchants.district": Words("商户所在区不符", "the merchant's district is not in it"),
    "merchants.id": Words("不是指定商户", "the merchant is not in it"),
    "members.district": Words("会员所在区不符", "the member's district is not in it"),
    "members.org": Words("会员所属工会不符", "the member's organisation is not in it"),
    "members.tag": Words("会员标签不符", "the member has none of its tags"),
    "instruments": Words("支付方式不符", "the instrument is not in it"),
    "gross": Words("金额不在范围内", "the amount is outside its range"),
    "weekdays": Words("不在指定星期", "not on that weekday"),
    "hours": Words("不在指定时段", "not at that hour"),
    "days": Words("工作日/休息日不符", "not on that kind of day"),
}
SIMPLE = {
    Outcome.MEMBER_UNKNOWN: Words("不是会员，故无补贴", "not a known member, so no subsidy"),
    Outcome.MEMBER_INACTIVE: Words("会员当日无效，故无补贴", "the member is not active that day, so no subsidy"),
    Outcome.MERCHANT_UNKNOWN: Words("不是特约商户，故无补贴", "not a contracted merchant, so no subsidy"),
    Outcome.MERCHANT_INACTIVE: Words(
        "商户合约当日无效，故无补贴", "the merchant is not active that day, so no subsidy"
    ),
    Outcome.NO_SCHEME: Words("没有适用的活动，故无补贴", "no scheme applies, so no subsidy"),
    Outcome.NOT_REVERSIBLE: Words(
        "原交易不能这样撤销，不作处理", "its original cannot be undone this way; nothing changes"
    ),
    Outcome.ALREADY_CANCELLED: Words("原交易已撤销，不作处理", "the sale is cancelled already; nothing changes"),
    Outcome.OVER_REFUND: Words("退货超过原金额，不作处理", "more than is left of the sale; nothing changes"),
    Outcome.NOTHING_GRANTED: Words("原交易没有补贴，无需追回", "the sale earned nothing; nothing to take back"),
    Outcome.ORPHAN: Words("找不到原交易，等待中", "its original is not known yet; it waits"),
}


def name_of(terms: Terms) -> str:
    """The title of a scheme, or its code."""
    return terms.scheme.title or terms.scheme.scheme


def simple_words(outcome: Outcome, looked: Looked) -> Words:
    """An outcome without a scheme; of a refund also how much of its sale is refunded."""
    words = SIMPLE[outcome]
    if outcome not in {Outcome.OVER_REFUND, Outcome.NOTHING_GRANTED} or not looked.gross:
        return words
    return Words(
        f"{words.zh}（成交价{yuan(looked.gross)}元，累计已退{yuan(looked.refunded)}元）",
        f"{words.en} (of {yuan(looked.gross)}, {yuan(looked.refunded)} is refunded)",
    )


def figure_words(figure: Figure, looked: Looked) -> Words:
    """Like 满158减20 适用；本周限1次已用完，故补贴0元."""
    rule, title = benefit_words(figure.terms.scheme.benefit), name_of(figure.terms)
    amount = Words(f"补贴{yuan(figure.fen)}元", f"subsidy {yuan(figure.fen)}")
    head = Words(f"{title}：{rule.zh} 适用", f"{title}: {rule.en} applies")
    if figure.outcome == Outcome.GRANTED:
        return Words(f"{head.zh}，{amount.zh}", f"{head.en}, {amount.en}")
    if figure.outcome in {Outcome.NO_BENEFIT, Outcome.CLAIM_OUT_OF_RANGE}:
        why = _nothing_earned(figure, looked)
        return Words(f"{title}：{rule.zh}；{why.zh}，故补贴0元", f"{title}: {rule.en}; {why.en}, so the subsidy is 0")
    if figure.outcome == Outcome.NO_ENTITLEMENT:
        why = Words("没有可用的券", "no entitlement is left")
    else:
        why = lowered_words(figure, figure.cut)
    return Words(f"{head.zh}；{why.zh}，故{amount.zh}", f"{head.en}; {why.en}, so the subsidy is {yuan(figure.fen)}")


def _nothing_earned(figure: Figure, looked: Looked) -> Words:
    """Why a benefit gives nothing at this gross and claim."""
    benefit, gross, claimed = figure.terms.scheme.benefit, looked.gross, looked.claimed
    at = Words(f"成交价{yuan(gross)}元", f"a price of {yuan(gross)}")
    if figure.outcome == Outcome.CLAIM_OUT_OF_RANGE:
        said = yuan(claimed or 0)
        return Words(f"优惠金额{said}元超出范围", f"the discount given, {said}, is out of range")
    if isinstance(benefit, Claimed) and claimed is None:
        return Words("没有报送优惠金额", "no discount was reported")
    if claimed == 0 and figure.terms.scheme.payee != "member":
        return Words("报送的优惠金额为0", "the discount reported is 0")
    bar: int | None = None
    if isinstance(benefit, Tiers):
        bar = min(tier.start for tier in benefit.tiers)
    elif isinstance(benefit, Steps):
        bar = benefit.every
    if bar is not None and gross < bar:
        return Words(f"{at.zh}未满{yuan(bar)}元", f"{at.en} is below {yuan(bar)}")
    if isinstance(benefit, Price) and gross <= benefit.pay:
        return Words(f"{at.zh}不高于{yuan(benefit.pay)}元", f"{at.en} is not above {yuan(benefit.pay)}")
    return Words(f"{at.zh}无可补金额", f"{at.en} earns nothing")


def lowered_words(figure: Figure, cut: Cut) -> Words:
    """What one thing did to a figure: used up, too little left, nothing in part, below the least grant."""
    least = yuan(figure.terms.scheme.min_grant)
    below = Words(f"低于最低补贴额{least}元", f"below the least grant of {least}")
    before, after = yuan(cut.before), yuan(cut.after)
    if cut.name == "min_grant" and cut.cap is None:
        return Words(f"应补{before}元，{below.zh}", f"{before} earned is {below.en}")
    thing = _thing(figure, cut)
    if cut.after > 0 and figure.fen == 0:
        return Words(f"{thing.zh}，只剩{after}元，{below.zh}", f"{thing.en} has {after} left, {below.en}")
    if cut.after > 0:
        earned = yuan(figure.entitled)
        return Words(f"应补{earned}元，{thing.zh}，只剩{after}元", f"of {earned} earned, {thing.en} has {after} left")
    if cut.left <= 0:
        return Words(f"{thing.zh}已用完", f"{thing.en} is used up")
    left = yuan(cut.left)
    return Words(f"{thing.zh}，只剩{left}元，不够补{before}元", f"{thing.en} has {left} left, not the whole {before}")


def _thing(figure: Figure, cut: Cut) -> Words:
    if cut.cap is not None:
        return limit_words(cut.cap)
    if cut.name == "entitlement":
        own = figure.entitlement.number if figure.entitlement else ""
        return Words(f"券{own}的余额", f"the entitlement {own}")
    return Words("其他补贴后的成交价或实际优惠", "the price or the discount given, after the other subsidies,")


def stopped_words(scheme: Scheme, why: str) -> Words:
    """That a condition does not hold, and what it asks for."""
    reason = PASSED_OVER[why]
    wanted = effective_words(scheme) if why == "effective" else condition_words(scheme)[why]
    return Words(f"{reason.zh}（{wanted.zh}）", f"{reason.en} ({wanted.en})")


def moved_words(row: Row, looked: Looked, kind: str) -> Words:
    """What a refund, void or reversal did to one award, by which policy, and which way it moved.

    A reworked award may also move against the operation: less left of a sale can reach a richer tier.
    """
    assert row.terms is not None, "an award has its terms"
    change, title = row.after - row.before, name_of(row.terms)
    size, kept, gross, back = (yuan(abs(fen)) for fen in (change, row.after, looked.gross, looked.refunded))
    undone = row.outcome == Outcome.REINSTATED
    if kind == "REFUND" or undone:
        why = POLICY[row.terms.scheme.refund.policy]
    else:
        why = Words("整笔取消，全部追回", "the sale is cancelled and all is taken back")
    if change == 0:
        did = Words("补贴不变", "the subsidy stays as it is")
    elif change < 0 and undone:
        did = Words(f"重算后补贴减少{size}元", f"worked out again, the subsidy falls by {size}")
    elif change < 0:
        did = Words(f"追回补贴{size}元", f"{size} of it is taken back")
    elif undone:
        did = Words(f"恢复补贴{size}元", f"{size} of the subsidy is given again")
    else:
        did = Words(f"重算后补贴增加{size}元", f"worked out again, the subsidy rises by {size}")
    return Words(
        f"{title}：成交价{gross}元，累计已退{back}元；{why.zh}：{did.zh}，保留{kept}元",
        f"{title}: of {gross}, {back} is refunded; {why.en}: {did.en}, {kept} is kept",
    )


def charge_words(charge: Charge) -> Words:
    """What one limit took or got back, like 每会员每周限1次〔one-a-week〕：已用0次→1次."""
    before, after = (
        (yuan(charge.before), yuan(charge.after))
        if charge.measure == "amount"
        else (str(charge.before), str(charge.after))
    )
    unit = Words("元", "yuan") if charge.measure == "amount" else Words("次", "uses")
    if charge.cap is None:
        what = Words(f"券{charge.name}", f"entitlement {charge.name}")
    else:
        words = cap_words(charge.cap)
        pool = Words("", "") if charge.cap.scope else Words("资金池 ", "pool ")
        what = Words(f"{pool.zh}{charge.name}（{words.zh}）", f"{pool.en}{charge.name} ({words.en})")
    return Words(f"{what.zh}：已用{before}→{after}{unit.zh}", f"{what.en}: used {before} -> {after} {unit.en}")
