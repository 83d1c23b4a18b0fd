"""Rules in plain Chinese and English, for programme managers, finance staff and merchants."""

from __future__ import annotations

from typing import NamedTuple

from rules.documents import Benefit, Claimed, Eligibility, Fixed, Hours, Percent, Price, Scheme, Steps, Tier, Tiers
from rules.terms import Cap, Terms
from settlement.model.money import PPM, format_yuan
from settlement.model.outcomes import Outcome


class Words(NamedTuple):
    """One thing said in both languages."""

    zh: str
    en: str


_WINDOW = {
    "day": Words("每日", "a day"),
    "week": Words("每周", "a week"),
    "month": Words("每月", "a month"),
    "quarter": Words("每季", "a quarter"),
    "year": Words("每年", "a year"),
    "total": Words("活动期内", "in all"),
}
_KEY = {
    "member": Words("每会员", "each member"),
    "merchant": Words("每商户", "each merchant"),
    "district": Words("每区", "each district"),
    "org": Words("每工会", "each union organisation"),
}
_THIS = {"member": "该会员", "merchant": "该商户", "district": "该区", "org": "该工会"}
_SPENT = {"day": "本日", "week": "本周", "month": "本月", "quarter": "本季", "year": "本年", "total": "活动期内"}
_WEEKDAY = {"mon": "周一", "tue": "周二", "wed": "周三", "thu": "周四", "fri": "周五", "sat": "周六", "sun": "周日"}
_INSTRUMENT = {
    "citizen_card": Words("市民卡", "citizen card"),
    "bank_card": Words("银行卡", "bank card"),
    "e_card": Words("电子会员卡", "e-membership card"),
}
_PAYEE = {
    "merchant": Words("补贴付给商户", "owed to the merchant"),
    "channel": Words("补贴付给收单机构", "owed to the acquirer"),
    "member": Words("补贴返给会员", "owed to the member"),
}
_REFUND = {
    "proportional": Words("退货按比例追回", "a refund takes back in proportion"),
    "subsidy_first": Words("退货先退补贴", "a refund takes the subsidy first"),
    "recompute": Words("退货按余额重算", "a refund is worked out again on what is left"),
    "full_only": Words("全额退货才追回", "only a whole refund takes it back"),
    "none": Words("退货不追回", "a refund takes nothing back"),
}
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


def yuan(fen: int) -> str:
    """Fen as people write it: 20.00 -> 20, 9.50 -> 9.50."""
    return format_yuan(fen).removesuffix(".00")


def _percent(ppm: int) -> str:
    whole, rest = divmod(ppm, PPM // 100)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".")


def _cap(words: Words, cap: int | None) -> Words:
    if cap is None:
        return words
    return Words(f"{words.zh}，封顶{yuan(cap)}元", f"{words.en}, at most {yuan(cap)}")


def _tier(tier: Tier) -> Words:
    start = yuan(tier.start)
    if tier.percent is None:
        off = yuan(tier.off or 0)
        return Words(f"满{start}减{off}", f"{off} off from {start}")
    part = _percent(tier.percent)
    cap = Words("", "") if tier.cap is None else Words(f"（封顶{yuan(tier.cap)}元）", f" (at most {yuan(tier.cap)})")
    return Words(f"满{start}补{part}%{cap.zh}", f"{part} % from {start}{cap.en}")


def benefit_words(benefit: Benefit) -> Words:
    """What a benefit gives, like 满158减20."""
    match benefit:
        case Percent():
            part = _percent(benefit.percent)
            return _cap(Words(f"补贴成交价的{part}%", f"{part} % of the price"), benefit.cap)
        case Fixed():
            return Words(f"立减{yuan(benefit.off)}元", f"{yuan(benefit.off)} off")
        case Steps():
            every, off = yuan(benefit.every), yuan(benefit.off)
            return _cap(Words(f"每满{every}减{off}", f"{off} off for every {every}"), benefit.cap)
        case Tiers():
            tiers = [_tier(tier) for tier in benefit.tiers]
            return Words("，".join(t.zh for t in tiers), ", ".join(t.en for t in tiers))
        case Price():
            pay = yuan(benefit.pay)
            return _cap(Words(f"会员价{pay}元", f"a member price of {pay}"), benefit.cap)
        case Claimed():
            low, high = yuan(benefit.min or 0), "" if benefit.max is None else yuan(benefit.max)
            return Words(
                f"按实际优惠补贴（{low}至{high}元）" if high else f"按实际优惠补贴（{low}元起）",
                f"the discount given, {low} to {high}" if high else f"the discount given, from {low}",
            )


def cap_words(cap: Cap) -> Words:
    """A limit, like 每会员每周限1次."""
    window = _WINDOW[cap.window]
    who = Words("".join(_KEY[k].zh for k in cap.per), " and ".join(_KEY[k].en for k in cap.per))
    much = _much(cap)
    english = f"{much.en} {window.en}" + (f" for {who.en}" if cap.per else "")
    return Words(f"{who.zh}{window.zh}{much.zh}", english)


def _much(cap: Cap) -> Words:
    if cap.measure == "amount":
        return Words(f"限{yuan(cap.value)}元", yuan(cap.value))
    uses = "1 use" if cap.value == 1 else f"{cap.value} uses"
    return Words(f"限{cap.value}次" if cap.per else f"名额{cap.value}个", uses)


def limit_words(cap: Cap) -> Words:
    """A limit as it met one sale, like 本周限1次; of a member alone it goes without saying."""
    who = "" if cap.per == ("member",) else "".join(_THIS[key] for key in cap.per)
    pool = Words("", "limit") if cap.scope else Words(f"资金池〔{cap.name}〕", "pool")
    zh, en = f"{pool.zh}{who}{_SPENT[cap.window]}{_much(cap).zh}", f"the {pool.en} of {cap_words(cap).en} ({cap.name})"
    return Words(zh, en)


def _hours(hours: Hours) -> str:
    return f"{hours.start // 60:02d}:{hours.start % 60:02d}-{hours.end // 60:02d}:{hours.end % 60:02d}"


def condition_words(wanted: Eligibility) -> list[Words]:
    """Each condition of a scheme in words."""
    out: list[Words] = []

    def note(zh: str, en: str, values: tuple[str, ...] | None) -> None:
        if values is not None:
            out.append(Words(f"{zh}：{'、'.join(values)}", f"{en}: {', '.join(values)}"))

    note("商户类别", "merchant category", wanted.merchants.category)
    note("商户所在区", "merchant district", wanted.merchants.district)
    note("商户", "merchant", wanted.merchants.id)
    note("会员所在区", "member district", wanted.members.district)
    note("所属工会", "union organisation", wanted.members.org)
    note("会员标签", "member tag", wanted.members.tag)
    if wanted.instruments is not None:
        names = [_INSTRUMENT[i] for i in wanted.instruments]
        out.append(
            Words(f"支付方式：{'、'.join(n.zh for n in names)}", f"instrument: {', '.join(n.en for n in names)}")
        )
    if wanted.gross.min is not None:
        out.append(Words(f"成交价{yuan(wanted.gross.min)}元起", f"price from {yuan(wanted.gross.min)}"))
    if wanted.gross.max is not None:
        out.append(Words(f"成交价至{yuan(wanted.gross.max)}元", f"price up to {yuan(wanted.gross.max)}"))
    if wanted.weekdays is not None:
        out.append(
            Words(f"星期：{'、'.join(_WEEKDAY[d] for d in wanted.weekdays)}", f"on {', '.join(wanted.weekdays)}")
        )
    if wanted.hours is not None:
        hours = [_hours(h) for h in wanted.hours]
        out.append(Words(f"时段：{'、'.join(hours)}", f"at {', '.join(hours)}"))
    if wanted.days != "any":
        zh = "工作日" if wanted.days == "workday" else "休息日"
        out.append(Words(f"仅{zh}", f"on {wanted.days}s only"))
    if wanted.requires_entitlement:
        out.append(Words("须持券", "needs an entitlement"))
    return out


def scheme_words(terms: Terms) -> list[Words]:
    """A scheme version in plain words, a line for each thing it says."""
    scheme: Scheme = terms.scheme
    last = scheme.effective.last
    until = Words(f"至{last}", f"to {last}") if last else Words("起长期", "on, open end")
    lines = [Words(scheme.title or scheme.scheme, scheme.title or scheme.scheme), benefit_words(scheme.benefit)]
    lines.append(Words(f"{scheme.effective.first}{until.zh}", f"from {scheme.effective.first} {until.en}"))
    lines += condition_words(scheme.eligibility)
    for cap in terms.caps:
        words = cap_words(cap)
        pool = Words("（资金池）", " (pool)") if not cap.scope else Words("", "")
        lines.append(Words(f"{words.zh}{pool.zh}〔{cap.name}〕", f"{words.en}{pool.en} [{cap.name}]"))
    total = sum(share.share for share in scheme.funding)
    parts = [f"{share.sponsor} {share.share}/{total}" for share in scheme.funding]
    lines.append(Words(f"出资：{'，'.join(parts)}", f"paid by {', '.join(parts)}"))
    lines.append(_PAYEE[scheme.payee])
    lines.append(_REFUND[scheme.refund.policy])
    return lines
