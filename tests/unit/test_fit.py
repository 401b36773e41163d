"""What fits, what does not, and what nobody can know: a remark only for the second."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.directory import Agency, Domain
from contracts.findings import Authentication, Findings, Holder, Particulars
from services.sign import fit, letter_codes
from services.sign.warnings import CODES
from tests import receipts

SENDER, SIGNER, NUMBER = "number_not_of_sender", "number_not_of_signer", "signer_not_of_sender"


def agency(agency_id: str, name: str, *domains: str) -> Agency:
    return Agency(
        id=agency_id,
        name=name,
        domains=tuple(Domain(name=domain) for domain in domains),
        addresses=(f"saraban@{domains[0]}",),
    )


class Directory:
    """Two local bodies on a domain of their own, two on one."""

    def __init__(self) -> None:
        self.agencies: Mapping[str, Agency] = {
            one.id: one
            for one in (
                agency("a", "เทศบาลนครตัวอย่าง", "tessaban.go.th"),
                agency("b", "องค์การบริหารส่วนตำบลทดลอง", "thodlong.go.th"),
                agency("c", "องค์การบริหารส่วนตำบลหนึ่ง", "shared.go.th"),
                agency("d", "องค์การบริหารส่วนตำบลสอง", "shared.go.th"),
            )
        }

    def by_domain(self, domain: str) -> list[Agency]:
        return [one for one in self.agencies.values() if any(domain == d.name for d in one.domains)]


def remarks(
    number: str = "",
    domain: str = "",
    holders: tuple[Holder, ...] = (),
    *,
    issuer: str = "",
    indication: str = "TOTAL-PASSED",
    **changes: Any,
) -> list[str]:
    found = receipts.findings(
        particulars=Particulars(
            letter_number=receipts.particular(number, **changes) if number else None,
            issuer=receipts.particular(issuer) if issuer else None,
        ),
        authentication=Authentication(author_domain=domain),
        signatures=tuple(receipts.verdict(holder=holder, indication=indication) for holder in holders),
    )
    return [said.code for said in fit.remarks(found, Directory())]


def seal(organisation: str, **more: Any) -> Holder:
    return Holder(**({"common_name": organisation, "organisation": organisation, "country": "TH"} | more))


def person(name: str, organisation: str = "", **more: Any) -> Holder:
    return Holder(**({"common_name": name, "organisation": organisation, "country": "TH"} | more))


NUMBERS = [
    ("นร ๑๒๐๐/ว๕๖", "opdc.go.th", []),
    ("นร ๑๒๐๐/ว๕๖", "mail.opdc.go.th", []),
    ("ที่ กค ๐๔๒๒.๒/๑", "cgd.go.th", []),
    ("กค ๐๔๒๒.๒/๑", "opdc.go.th", [SENDER]),
    ("มท 0808.2/ว 1", "rd.go.th", [SENDER]),
    ("นร (กขร) ๐๑๐๕/๑", "moph.go.th", [SENDER]),
    ("ชม ๐๐๑๗.๒/๑", "chiangmai.go.th", []),
    ("ชม ๐๐๑๗.๒/๑", "chiangrai.go.th", [SENDER]),
    ("ชม ๐๐๓๓/๑", "moph.go.th", []),  # an office of the ministry in the province writes with its letters
    ("มท ๐๐๑๗/๑", "chiangmai.go.th", []),
    ("สพร ๒๕๖๙/๑", "rd.go.th", []),  # letters in no table
    ("กค ๐๔๒๒.๒/๑", "unknown.go.th", []),
    ("กค ๐๔๒๒.๒/๑", "gmail.com", []),
    ("กค ๐๔๒๒.๒/๑", "notrd.go.th", []),
    ("กค ๐๔๒๒.๒/๑", "", []),
    ("๑๒/๒๕๖๙", "rd.go.th", []),
    ("กคร ๑/๑", "opdc.go.th", []),  # begins like one, is none
]


@pytest.mark.parametrize(("number", "domain", "said"), NUMBERS)
def test_number_and_domain(number: str, domain: str, said: list[str]) -> None:
    assert remarks(number, domain) == said


def test_a_number_that_may_be_misread_is_measured_against_nothing() -> None:
    assert remarks("กค ๐๔๒๒.๒/๑", "opdc.go.th", confidence=0.6) == []


CERTIFICATES = [
    ("กค ๐๔๒๒/๑", seal("กรมบัญชีกลาง"), []),
    ("กค ๐๔๒๒/๑", seal("กระทรวงการคลัง"), []),
    ("กค ๐๔๒๒/๑", seal("สำนักงานปลัดกระทรวงการคลัง"), []),
    ("กค ๐๔๒๒/๑", seal("The Comptroller General’s Department"), []),
    ("กค ๐๔๒๒/๑", seal("Office of the Permanent Secretary, Ministry of Finance"), []),
    ("กค ๐๔๒๒/๑", seal("กระทรวงสาธารณสุข"), [SIGNER]),
    ("กค ๐๔๒๒/๑", seal("MINISTRY OF PUBLIC HEALTH"), [SIGNER]),
    ("กค ๐๔๒๒/๑", seal("กองกฎหมาย กรมที่ดิน"), [SIGNER]),
    ("กค ๐๔๒๒/๑", seal("Government of Thailand", units=("กรมสรรพากร",)), []),
    ("กค ๐๔๒๒/๑", seal("Government of Thailand", units=("กรมที่ดิน",)), [SIGNER]),
    ("กค ๐๔๒๒/๑", person("นายสมชาย ใจดี", "กรมบัญชีกลาง"), []),
    ("กค ๐๔๒๒/๑", person("นายสมชาย ใจดี", "กระทรวงยุติธรรม"), [SIGNER]),
    ("กค ๐๔๒๒/๑", person("นายสมชาย ใจดี"), []),
    ("กค ๐๔๒๒/๑", seal("บริษัท ผู้ให้บริการ จำกัด"), []),
    ("กค ๐๔๒๒/๑", seal("Ministry of Public Health", country="LA"), []),
    ("กค ๐๔๒๒/๑", seal("สำนักงบประมาณของรัฐสภา"), []),  # begins like a known one, is another
    ("กค ๐๔๒๒/๑", seal("กระทรวงการคลัง กระทรวงยุติธรรม"), []),  # names two
    ("ชม ๐๐๑๗/๑", seal("จังหวัดเชียงใหม่"), []),
    ("ชม ๐๐๑๗/๑", seal("สำนักงานจังหวัดลำพูน"), [SIGNER]),
    ("ชม ๐๐๓๓/๑", seal("กระทรวงสาธารณสุข"), []),
    ("อว ๑/๑", seal("กระทรวงการอุดมศึกษา วิทยาศาสตร์ วิจัยและนวัตกรรม"), []),
    ("ศธ ๑/๑", seal("Ministry of Higher Education, Science, Research and Innovation"), [SIGNER]),
    ("นร ๑๒๐๐/๑", seal("สำนักงานคณะกรรมการพัฒนาระบบราชการ (สำนักงาน ก.พ.ร.)"), []),
    ("สพร ๑/๑", seal("กระทรวงการคลัง"), []),
]


@pytest.mark.parametrize(("number", "holder", "said"), CERTIFICATES)
def test_number_and_certificate(number: str, holder: Holder, said: list[str]) -> None:
    assert remarks(number, holders=(holder,)) == said


SENDERS = [
    ("rd.go.th", seal("กรมสรรพากร"), []),
    ("rd.go.th", seal("กระทรวงการคลัง"), []),
    ("rd.go.th", seal("กระทรวงแรงงาน"), [NUMBER]),
    ("rd.go.th", person("Somchai Jaidee", email_domains=("rd.go.th",)), []),
    ("rd.go.th", person("Somchai Jaidee", email_domains=("mail.rd.go.th",)), []),
    ("rd.go.th", person("Somchai Jaidee", email_domains=("excise.go.th",)), []),  # the same ministry
    ("rd.go.th", person("Somchai Jaidee", email_domains=("gmail.com",)), []),
    ("rd.go.th", person("Somchai Jaidee", email_domains=("moph.go.th",)), [NUMBER]),
    ("rd.go.th", person("Somchai Jaidee", email_domains=("moph.go.th", "rd.go.th")), []),
    ("unknown.go.th", seal("กระทรวงการคลัง"), []),
    ("unknown.go.th", person("Somchai Jaidee", email_domains=("rd.go.th",)), []),
    # Local bodies, known by the directory alone.
    ("tessaban.go.th", seal("เทศบาลนครตัวอย่าง"), []),
    ("tessaban.go.th", seal("เทศบาลนคร ตัวอย่าง"), []),
    ("tessaban.go.th", seal("กองคลัง เทศบาลนครตัวอย่าง"), []),
    ("tessaban.go.th", seal("องค์การบริหารส่วนตำบลทดลอง"), [NUMBER]),
    ("tessaban.go.th", seal("องค์การบริหารส่วนตำบลที่ไม่มีใครรู้จัก"), []),
    ("tessaban.go.th", person("นายสมชาย ใจดี", email_domains=("thodlong.go.th",)), [NUMBER]),
    ("shared.go.th", seal("องค์การบริหารส่วนตำบลสอง"), []),
    ("", seal("กระทรวงการคลัง"), []),
]


@pytest.mark.parametrize(("domain", "holder", "said"), SENDERS)
def test_domain_and_certificate(domain: str, holder: Holder, said: list[str]) -> None:
    assert remarks(domain=domain, holders=(holder,)) == said


def test_one_signature_that_fits_silences_the_doubts_about_the_others() -> None:
    ours, theirs = seal("กรมบัญชีกลาง"), seal("กระทรวงสาธารณสุข")
    assert remarks("กค ๐๔๒๒/๑", "cgd.go.th", (theirs, ours)) == []
    assert remarks("กค ๐๔๒๒/๑", "cgd.go.th", (theirs, theirs)) == [SIGNER, NUMBER]


def test_a_broken_signature_names_nobody() -> None:
    assert remarks("กค ๐๔๒๒/๑", holders=(seal("กระทรวงสาธารณสุข"),), indication="TOTAL-FAILED") == []


PEOPLE = [
    ("นายสมชาย ใจดี", "นายสมชาย ใจดี", True),
    ("นายสมชาย ใจดี", "สมชาย ใจดี", True),
    ("(นายสมชาย  ใจดี)", "นาย สมชาย ใจดี", True),
    ("นางสาวสมหญิง ใจดี", "นางสมหญิง มีสุข", True),  # she married
    ("พล.ต.อ. สมชาย ใจดี", "พลตำรวจเอก สมชาย ใจดี", True),
    ("ผศ.ดร.สมชาย ใจดี", "นายสมชาย ใจดี", True),
    ("นายสมชา ย ใจดี", "นายสมชาย ใจดี", True),
    ("นายณัฐฐา พาชัยยุทธ", "นายณัฐา พาชัยยุทธ", True),
    ("นายสมชาย ใจดี", "นางมาลี สุขสันต์", False),
    ("นายสมชาย ใจดี", "ว่าที่ร้อยตรี อนันต์ พูนผล", False),
    ("นายสมชาย ใจดี", "Malee Suksan", None),
    ("นายสมชาย ใจดี", "สำนักงาน ก.พ.ร.", None),
    ("นายสมชาย ใจดี", "", None),
    ("อธิบดี", "นางมาลี สุขสันต์", None),
    ("", "นางมาลี สุขสันต์", None),
]


@pytest.mark.parametrize(("named", "certified", "fits"), PEOPLE)
def test_the_signer_named_and_the_certificate(named: str, certified: str, fits: bool | None) -> None:
    said = fit._signer_and_holders(named, [person(certified, "หน่วยงาน")])
    assert (said is not None) == (fits is False)


def test_the_seal_of_an_agency_is_no_person() -> None:
    assert fit._signer_and_holders("นายสมชาย ใจดี", [seal("สุขสันต์ หรรษา")]) is None


def test_the_signer_is_taken_from_the_particulars() -> None:
    """Of a letter read by a version that has them."""
    found = receipts.findings(signatures=(receipts.verdict(holder=person("นางมาลี สุขสันต์")),))
    particulars = SimpleNamespace(letter_number=None, issuer=None, signer=receipts.particular("นายสมชาย ใจดี"))
    shaped: Findings = SimpleNamespace(  # type: ignore[assignment]  # in the shape of a later version
        particulars=particulars, authentication=None, signatures=found.signatures
    )
    assert [said.code for said in fit.remarks(shaped)] == ["signer_not_named"]


ISSUERS = [
    ("เทศบาลนครตัวอย่าง", "tessaban.go.th", []),
    ("กองช่าง เทศบาลนครตัวอย่าง", "tessaban.go.th", []),
    ("องค์การบริหารส่วนตำบลทดลอง", "tessaban.go.th", ["issuer_not_of_sender"]),
    ("องค์การบริหารส่วนตำบลหนึ่ง", "shared.go.th", []),
    ("องค์การบริหารส่วนตำบลสอง", "shared.go.th", []),
    ("สำนักงานที่ไม่มีใครรู้จัก", "tessaban.go.th", []),
    ("เทศบาลนครตัวอย่าง", "unknown.go.th", []),
    ("เทศบาลนครตัวอย่าง", "", []),
]


@pytest.mark.parametrize(("issuer", "domain", "said"), ISSUERS)
def test_issuer_and_domain(issuer: str, domain: str, said: list[str]) -> None:
    assert remarks(domain=domain, issuer=issuer) == said


def test_a_remark_names_both_sides_and_the_table_and_accuses_nobody() -> None:
    found = receipts.findings(
        particulars=Particulars(letter_number=receipts.particular("กค ๐๔๒๒.๒/๑")),
        authentication=Authentication(author_domain="opdc.go.th"),
        signatures=(),
    )
    (remark,) = fit.remarks(found)
    for text in (remark.thai, remark.english):
        for part in ("กค", "กระทรวงการคลัง", "opdc.go.th", "สำนักนายกรัฐมนตรี", letter_codes.table().version, "unverified"):
            assert part in text
        for word in ("ปลอม", "forge", "fake", "ทุจริต"):
            assert word not in text
    assert fit.remarked(found).warnings[-1] == remark
    assert {SENDER, SIGNER, NUMBER, "signer_not_named", "issuer_not_of_sender"} <= CODES


def test_the_table_is_sound() -> None:
    """Every letters, name and domain has one owner; a correction is a change of the file."""
    owners = [owner for _, owner in letter_codes.table().owners()]
    assert len(letter_codes.table().ministry) == 20
    assert len(letter_codes.table().province) == 76
    letters = [owner.letters for owner in owners]
    domains = [domain for owner in owners for domain in owner.domains]
    names = [letter_codes.plain(name) for owner in owners for name in (owner.name, *owner.also, *owner.units)]
    for values in (letters, domains, names):
        assert sorted(values) == sorted(set(values))
    for owner in owners:
        known = letter_codes.by_number(f"{owner.letters} ๐๑๐๑/๑")
        assert known is not None
        assert known.name == owner.name
        for name in (owner.name, *owner.also, *owner.units):
            assert letter_codes.by_name(name) == known, name
