"""Rules in plain Chinese and English, for programme managers, finance staff and merchants."""

from __future__ import annotations

from typing import NamedTuple

from rules.documents import Benefit, Claimed, Fixed, Hours, Percent, Price, Programme, Scheme, Steps, Tier, Tiers
from rules.terms import Cap, Terms
from settlement.model.money import PPM, format_yuan


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
_WEEKDAY = {
    "mon": Words("周一", "Monday"),
    "tue": Words("周二", "Tuesday"),
    "wed": Words("周三", "Wednesday"),
    "thu": Words("周四", "Thursday"),
    "fri": Words("周五", "Friday"),
    "sat": Words("周六", "Saturday"),
    "sun": Words("周日", "Sunday"),
}
_INSTRUMENT = {
    "citizen_card": Words("市民卡", "citizen card"),
    "bank_card": Words("银行卡", "bank card"),
    "e_card": Words("电子会员卡", "e-membership card"),
}
_PAYEE = {
    "merchant": Words("补贴付给商户", "the subsidy is owed to the merchant, which gave the discount"),
    "channel": Words("补贴付给收单机构", "the subsidy is owed to the acquirer, which fronted the discount"),
    "member": Words("补贴返给会员", "the subsidy is paid back to the member"),
}
POLICY = {
    "proportional": Words("退货按比例追回", "a refund takes the subsidy back in proportion"),
    "subsidy_first": Words("退货先退补贴", "a refund takes the subsidy back first"),
    "recompute": Words("退货按余额重算", "a refund has the subsidy worked out again on what is left"),
    "full_only": Words("全额退货才追回", "only a whole refund takes the subsidy back"),
    "none": Words("退货不追回", "a refund takes nothing back"),
}
_ROUNDING = {
    "half_up": Words("四舍五入", "rounded half up"),
    "down": Words("舍去零头", "rounded down"),
    "up": Words("进一", "rounded up"),
}
_USE = {
    "void": Words("撤销后次数退还，退货后不退还", "a void gives the use back, a refund does not"),
    "full": Words("撤销或全额退货后次数退还", "a void or a whole refund gives the use back"),
    "never": Words("撤销或退货后次数不退还（冲正除外）", "only a reversal gives the use back"),
}


def yuan(fen: int) -> str:
    """Fen as people write it: 20.00 -> 20, 9.50 -> 9.50, 2000000.00 -> 2,000,000 (from 10,000 on)."""
    whole, _, part = format_yuan(fen).partition(".")
    if len(whole) > 4:
        whole = f"{int(whole):,}"
    return whole if part == "00" else f"{whole}.{part}"


def listed(words: list[Words]) -> Words:
    """Several things in a row."""
    return Words("、".join(w.zh for w in words), ", ".join(w.en for w in words))


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
            if benefit.cap is None:
                return Words(f"会员只付{pay}元", f"the member pays {pay}")
            most = yuan(benefit.cap)
            return Words(f"会员只付{pay}元，补贴封顶{most}元", f"the member pays {pay}, the subsidy is at most {most}")
        case Claimed():
            low, high = yuan(benefit.min or 0), "" if benefit.max is None else yuan(benefit.max)
            return Words(
                f"按实际优惠补贴（{low}至{high}元）" if high else f"按实际优惠补贴（{low}元起）",
                f"the discount given, {low} to {high}" if high else f"the discount given, from {low}",
            )


def _rounding_words(benefit: Benefit) -> Words | None:
    """How a percentage is rounded, where it is not to the fen and half up."""
    parts = isinstance(benefit, Percent) or (
        isinstance(benefit, Tiers) and any(tier.percent is not None for tier in benefit.tiers)
    )
    if not parts or not isinstance(benefit, Percent | Tiers) or (benefit.rounding, benefit.unit) == ("half_up", 1):
        return None
    how = _ROUNDING[benefit.rounding]
    return Words(f"按{yuan(benefit.unit)}元{how.zh}", f"{how.en} to {yuan(benefit.unit)}")


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def cap_words(cap: Cap) -> Words:
    """A limit, like 每会员每周限1次 (once a week for each member)."""
    window = _WINDOW[cap.window]
    if cap.measure == "amount":
        en = f"at most {yuan(cap.value)} yuan {window.en}"
    else:
        en = f"{_times(cap.value) if cap.per else f'{cap.value} places'} {window.en}"
    return Words("".join(_KEY[k].zh for k in cap.per) + window.zh + _much(cap).zh, en + _for_each(cap))


def limit_words(cap: Cap) -> Words:
    """A limit as it met one sale, like 本周限1次; of a member alone it goes without saying."""
    who = "" if cap.per == ("member",) else "".join(_THIS[key] for key in cap.per)
    pool = Words("", "limit") if cap.scope else Words(f"资金池〔{cap.name}〕", "pool")
    much = _much(cap)
    en = f"the {pool.en} of {much.en} {_WINDOW[cap.window].en}{_for_each(cap)} ({cap.name})"
    return Words(f"{pool.zh}{who}{_SPENT[cap.window]}{much.zh}", en)


def _much(cap: Cap) -> Words:
    if cap.measure == "amount":
        return Words(f"限{yuan(cap.value)}元", yuan(cap.value))
    uses = "1 use" if cap.value == 1 else f"{cap.value} uses"
    return Words(f"限{cap.value}次" if cap.per else f"名额{cap.value}个", uses)


def _for_each(cap: Cap) -> str:
    return f" for {' and '.join(_KEY[k].en for k in cap.per)}" if cap.per else ""


def _hours(hours: Hours) -> str:
    return f"{hours.start // 60:02d}:{hours.start % 60:02d}-{hours.end // 60:02d}:{hours.end % 60:02d}"


def effective_words(scheme: Scheme) -> Words:
    """When a version is in force, both days inclusive."""
    first, last = scheme.effective.first, scheme.effective.last
    if last is None:
        return Words(f"{first}起长期有效", f"in force from {first}, no end")
    return Words(f"{first}至{last}有效", f"in force from {first} to {last}")


def condition_words(scheme: Scheme) -> dict[str, Words]:
    """Each condition of a scheme in words, by its name in `stopped_by`; only those that are written."""
    wanted = scheme.eligibility
    out: dict[str, Words] = {}

    def note(name: str, zh: str, en: str, values: tuple[str, ...] | None) -> None:
        if values is not None:
            out[name] = Words(f"{zh}：{'、'.join(values)}", f"{en}: {', '.join(values)}")

    note("merchants.category", "商户类别", "merchant category", wanted.merchants.category)
    note("merchants.district", "商户所在区", "merchant district", wanted.merchants.district)
    note("merchants.id", "商户", "merchant", wanted.merchants.id)
    note("members.district", "会员所在区", "member district", wanted.members.district)
    note("members.org", "所属工会", "union organisation", wanted.members.org)
    note("members.tag", "会员标签", "member tag", wanted.members.tag)
    if wanted.instruments is not None:
        names = listed([_INSTRUMENT[i] for i in wanted.instruments])
        out["instruments"] = Words(f"支付方式：{names.zh}", f"instrument: {names.en}")
    low, high = wanted.gross.min, wanted.gross.max
    if low is not None and high is not None:
        out["gross"] = Words(f"成交价{yuan(low)}至{yuan(high)}元", f"price from {yuan(low)} to {yuan(high)}")
    elif low is not None:
        out["gross"] = Words(f"成交价{yuan(low)}元起", f"price from {yuan(low)}")
    elif high is not None:
        out["gross"] = Words(f"成交价至{yuan(high)}元", f"price up to {yuan(high)}")
    if wanted.weekdays is not None:
        days = listed([_WEEKDAY[d] for d in wanted.weekdays])
        out["weekdays"] = Words(f"星期：{days.zh}", f"on {days.en}")
    if wanted.hours is not None:
        hours = [_hours(h) for h in wanted.hours]
        out["hours"] = Words(f"时段：{'、'.join(hours)}", f"at {', '.join(hours)}")
    if wanted.days != "any":
        zh = "工作日" if wanted.days == "workday" else "休息日"
        out["days"] = Words(f"仅{zh}", "on working days only" if wanted.days == "workday" else "on rest days only")
    if wanted.requires_entitlement:
        out["requires_entitlement"] = Words("须持券", "needs an entitlement (a voucher or a credit)")
    return out


def _rule_words(cap: Cap) -> Words:
    words = cap_words(cap)
    deny = cap.deny and cap.measure == "amount"
    zh, en = ("，余额不足时不补", ", nothing where it does not suffice") if deny else ("", "")
    kind = Words("限额", "limit") if cap.scope else Words("资金池", "pool")
    return Words(f"{kind.zh} {cap.name}：{words.zh}{zh}", f"{kind.en} {cap.name}: {words.en}{en}")


def _funding_words(scheme: Scheme, programme: Programme) -> Words:
    """Who pays which part, as a percentage where that is exact."""
    total = sum(share.share for share in scheme.funding)
    parts: list[Words] = []
    for share in scheme.funding:
        exact = share.share * PPM % total == 0
        part = f"{_percent(share.share * PPM // total)}%" if exact else f"{share.share}/{total}"
        if share.sponsor == "district":
            name = Words("商户总部所在区", "the district of the merchant's head office")
        else:
            known = programme.sponsors[share.sponsor].name
            name = Words(known or share.sponsor, f"{share.sponsor} ({known})" if known else share.sponsor)
        parts.append(Words(f"{name.zh} {part}", f"{name.en} {part}"))
    return Words(f"出资：{'，'.join(p.zh for p in parts)}", f"paid by {', '.join(p.en for p in parts)}")


def _refund_words(scheme: Scheme) -> Words:
    policy, restore = POLICY[scheme.refund.policy], scheme.refund.restore
    amount = Words("追回的金额退还限额", "what it takes back the limits have again")
    if not restore.amount:
        amount = Words("追回的金额不退还限额", "what it takes back the limits do not have again")
    use = _USE[restore.use]
    return Words(f"{policy.zh}；{amount.zh}；{use.zh}", f"{policy.en}; {amount.en}; {use.en}")


def scheme_words(terms: Terms, programme: Programme) -> list[Words]:
    """A scheme version in plain words, a line for each thing it says, its title first."""
    scheme: Scheme = terms.scheme
    lines = [Words(scheme.title or scheme.scheme, scheme.title or scheme.scheme), benefit_words(scheme.benefit)]
    rounding = _rounding_words(scheme.benefit)
    if rounding is not None:
        lines.append(rounding)
    if scheme.min_grant > 1:
        least = yuan(scheme.min_grant)
        lines.append(Words(f"不足{least}元不补", f"nothing below {least}"))
    lines.append(effective_words(scheme))
    lines += condition_words(scheme).values()
    lines += [_rule_words(cap) for cap in terms.caps]
    lines += [_funding_words(scheme, programme), _PAYEE[scheme.payee], _refund_words(scheme)]
    return lines
