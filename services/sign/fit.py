"""Does it fit? Letter number, certificate, named signer, issuer and sender's domain, each against the others. Pure.

A remark says what stands where, and that somebody may want to ask; never that anything is forged, and it stops nothing.
Where one side is not known for certain there is no remark: an invented doubt is worse than none. One signature that
fits silences the doubts about the others, since enclosures carry signatures of third parties.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Protocol

from msgspec.structs import replace

from contracts import findings
from contracts.directory import Agency
from contracts.findings import Findings, Holder, Particular
from services.sign import letter_codes
from services.sign.letter_codes import Known, plain
from services.sign.warnings import warning

CERTAIN = 0.8
"""Confidence from which a particular is measured against anything."""
ALIKE = 0.6
"""From here on two spellings of a name may be one: text of a PDF loses and doubles marks."""

_TITLES = re.compile(
    r"^(?:(?:[ก-ฮ]{1,4}\.\s?)+|ว่าที่\s*(?:ร้อยตรี|ร้อยโท|ร้อยเอก|พันตรี)?|นางสาว|นาย(?:แพทย์|สัตวแพทย์)?|นาง|แพทย์หญิง|ทันตแพทย์(?:หญิง)?|"
    r"เภสัชกร(?:หญิง)?|หม่อมหลวง|หม่อมราชวงศ์|(?:ผู้ช่วย|รอง)?ศาสตราจารย์|ดอกเตอร์|"
    r"(?:พล|พัน|ร้อย|นาวา|เรือ|นาวาอากาศ|เรืออากาศ|จ่าสิบ|สิบ|ดาบ)(?:ตำรวจ)?(?:เอก|โท|ตรี)?(?:หญิง)?)\s*(?=[ก-ฮเ-ไ])"
)
_ORGANISATION = re.compile(
    r"กระทรวง|กรม|สำนัก|เทศบาล|องค์การ|องค์กร|จังหวัด|อำเภอ|มหาวิทยาลัย|โรงเรียน|โรงพยาบาล|ศูนย์|สถาบัน|บริษัท|ธนาคาร|คณะ|กอง|"
    r"ministry|department|office|bureau|university|agency|company|ltd|bank|seal|server|system",
    re.IGNORECASE,
)
_THAI_WORD = re.compile(r"[ก-๎]{2,}")


class Directory(Protocol):
    """What is asked of the directory."""

    @property
    def agencies(self) -> Mapping[str, Agency]:
        """All agencies by id."""

    def by_domain(self, domain: str) -> list[Agency]:
        """The agencies on a mail domain."""


def remarked(found: Findings, directory: Directory | None = None) -> Findings:
    """The findings with a remark for whatever does not fit."""
    return replace(found, warnings=(*found.warnings, *remarks(found, directory)))


def remarks(found: Findings, directory: Directory | None = None) -> list[findings.Warning]:
    """What does not fit, one warning for each pair that does not."""
    number = _certain(found.particulars.letter_number)
    owner = letter_codes.by_number(number) if number else None
    domain = found.authentication.author_domain if found.authentication is not None else ""
    holders = [
        verdict.holder for verdict in found.signatures if verdict.holder and verdict.indication != "TOTAL-FAILED"
    ]
    told = [
        _number_and_domain(owner, domain),
        _number_and_holders(owner, holders),
        _domain_and_holders(domain, holders, directory),
        _signer_and_holders(_certain(getattr(found.particulars, "signer", None)), holders),
        _issuer_and_domain(_certain(found.particulars.issuer), domain, directory),
    ]
    return [remark for remark in told if remark is not None]


def _certain(particular: Particular | None) -> str:
    if particular is None or particular.source in ("ocr", "filename") or particular.confidence < CERTAIN:
        return ""
    return particular.value


def _number_and_domain(owner: Known | None, domain: str) -> findings.Warning | None:
    sender = letter_codes.by_domain(domain)
    if owner is None or sender is None or not _differ(owner, sender):
        return None
    return warning(
        "number_not_of_sender",
        letters=owner.letters,
        owner=owner.name,
        domain=domain,
        sender=sender.name,
        table=_version(),
    )


def _number_and_holders(owner: Known | None, holders: Sequence[Holder]) -> findings.Warning | None:
    if owner is None:
        return None
    known = [(holder, organisation) for holder in holders if (organisation := _organisation(holder))]
    others = [(holder, organisation) for holder, organisation in known if _differ(owner, organisation)]
    if not others or any(organisation.letters == owner.letters for _, organisation in known):
        return None
    return warning(
        "number_not_of_signer", letters=owner.letters, owner=owner.name, holder=_called(others[0][0]), table=_version()
    )


def _domain_and_holders(domain: str, holders: Sequence[Holder], directory: Directory | None) -> findings.Warning | None:
    if not domain:
        return None
    doubts: list[Holder] = []
    for holder in holders:
        fits = _holder_fits(domain, holder, directory)
        if fits:
            return None
        if fits is False:
            doubts.append(holder)
    return warning("signer_not_of_sender", holder=_called(doubts[0]), domain=domain) if doubts else None


def _holder_fits(domain: str, holder: Holder, directory: Directory | None) -> bool | None:
    """Whether a certificate and a sender's domain belong together; None where that cannot be known."""
    if any(_related(address, domain) for address in holder.email_domains):
        return True
    sender, organisation = letter_codes.by_domain(domain), _organisation(holder)
    if sender is not None and organisation is not None:
        if sender == organisation:
            return True
        return False if _differ(sender, organisation) else None
    local = directory.by_domain(domain) if directory is not None else []
    if any(_same_name(agency.name, name) for agency in local for name in _names(holder)):
        return True
    if directory is not None and local and _agencies_named(_names(holder), directory):
        return False
    return False if any(_of_others(address, domain, directory) for address in holder.email_domains) else None


def _of_others(address: str, domain: str, directory: Directory | None) -> bool:
    """Whether an address's domain is known to belong to somebody else than the sender's."""
    theirs, sender = letter_codes.by_domain(address), letter_codes.by_domain(domain)
    if theirs is not None and sender is not None:
        return _differ(theirs, sender)
    if directory is None:
        return False
    there, here = directory.by_domain(address), directory.by_domain(domain)
    return bool(there and here) and not {agency.id for agency in there} & {agency.id for agency in here}


def _signer_and_holders(signer: str, holders: Sequence[Holder]) -> findings.Warning | None:
    named = _person(signer)
    if named is None:
        return None
    others: list[str] = []
    for holder in holders:
        person = _person(holder.common_name) if _is_person(holder) else None
        if person is None:
            continue
        if _may_be_one(named, person):
            return None
        others.append(holder.common_name)
    return warning("signer_not_named", named=signer, holder=others[0]) if others else None


def _issuer_and_domain(issuer: str, domain: str, directory: Directory | None) -> findings.Warning | None:
    """Only where the directory knows both: whose domain it is, and who the issuer is."""
    if not issuer or not domain or directory is None:
        return None
    here = directory.by_domain(domain)
    named = _agencies_named([issuer], directory)
    if not here or not named or any(_same_name(agency.name, issuer) for agency in here):
        return None
    if any(_related(one.name.lower(), domain) for agency in named for one in agency.domains):
        return None
    return warning("issuer_not_of_sender", issuer=issuer, domain=domain, sender=here[0].name)


def _differ(one: Known, other: Known) -> bool:
    return one.kind == other.kind and one.letters != other.letters


def _organisation(holder: Holder) -> Known | None:
    """Who the holder belongs to, where his certificate names one known body of this country and no other."""
    if holder.country not in ("", "TH"):
        return None
    known = {found for name in _names(holder) if (found := letter_codes.by_name(name))}
    return known.pop() if len(known) == 1 else None


def _names(holder: Holder) -> list[str]:
    own = [holder.common_name] if not _is_person(holder) else []
    return [name for name in (holder.organisation, *holder.units, *own) if name]


def _is_person(holder: Holder) -> bool:
    name = holder.common_name
    return bool(name) and plain(name) != plain(holder.organisation) and not _ORGANISATION.search(name)


def _person(name: str) -> tuple[str, str] | None:
    """Given and family name in Thai letters, without titles; None if it is not just that."""
    text = unicodedata.normalize("NFC", name).strip(" ()")
    while (shorter := _TITLES.sub("", text, count=1)) != text:
        text = shorter
    words = text.split()
    if len(words) < 2 or not all(_THAI_WORD.fullmatch(word) for word in words) or _ORGANISATION.search(text):
        return None
    return words[0], "".join(words[1:])


def _may_be_one(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Either name alike is enough: family names change, and a PDF's text is not to be trusted to the letter."""
    return any(SequenceMatcher(None, a, b, autojunk=False).ratio() >= ALIKE for a, b in zip(one, other, strict=True))


def _agencies_named(names: Sequence[str], directory: Directory) -> list[Agency]:
    wanted = {plain(name) for name in names}
    return [agency for agency in directory.agencies.values() if plain(agency.name) in wanted]


def _same_name(agency: str, name: str) -> bool:
    """The agency itself, or a division of it: the agency's name ends the division's."""
    whole, part = plain(name), plain(agency)
    return whole == part or whole.endswith(part) or whole.startswith(part)


def _related(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _called(holder: Holder) -> str:
    return holder.organisation or holder.common_name


def _version() -> str:
    return f"{letter_codes.table().version} ({letter_codes.table().basis})"
