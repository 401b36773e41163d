"""The cover mail: the letter in the mailbox that the officers already use. Pure.

Number, both times, from, subject, the verdict in one sentence, and the original untouched as an attachment.
"""

from email.utils import format_datetime
from typing import Final

from contracts.findings import Findings, Particular
from contracts.mail import MailReceived
from contracts.values import BANGKOK, Instant, from_instant, sha256_hex
from services.notify import address, gate, original, wire
from services.notify.display import clean, header
from services.notify.entry import Entry
from services.notify.receipt_mail import TEXT, in_reply_to, particulars
from services.notify.wire import Mail, Part
from services.words import secrecy, thai_style, wording

SURE: Final = 0.5
"""Below it a particular is not shown as if it were the letter's (the same bound as on the receipt)."""

INFECTED: Final = "พบโปรแกรมประสงค์ร้าย"
ACKNOWLEDGEMENTS: Final = {"electronic": "ทางอิเล็กทรอนิกส์", "paper": "เป็นกระดาษ"}
"""How the sender wants his letter acknowledged, by the word of the findings."""

NO_SUBJECT: Final = "(ไม่ระบุเรื่อง)"


def secret(entry: Entry, findings: Findings | None) -> bool:
    """Whether nothing of the letter may go in clear: by its series, or by a mark found in the letter itself."""
    return entry.series == "classified" or secrecy.mark(findings) is not None


def infected(findings: Findings | None) -> str:
    """The scanner's name for the malware in the letter, which then goes to nobody; empty where none was found."""
    scan = findings.scan if findings is not None else None
    return (scan.malware or "?") if scan is not None and scan.outcome == "infected" else ""


def compose(
    entry: Entry,
    event: MailReceived,
    letter: bytes,
    findings: Findings | None,
    *,
    to: str,
    dated: Instant,
    eight_bit_relay: bool,
    utf8_relay: bool = True,
    with_original: bool = True,
    unscanned: bool = False,
) -> Mail:
    """The cover mail to one mailbox. Without the original where the mailbox's relay does not take its size, where
    malware was found in it, or where nothing is known of that (`unscanned`) though it should be.
    """
    with_original = with_original and not unscanned and not infected(findings)
    recipient = address.written(to)
    central = entry.central_address(event)
    message_id = entry.message_id("cover")
    attached = original.part(letter, f"letter-{entry.name}.eml", eight_bit_relay=eight_bit_relay)
    reply_to = _reply_to(event)
    if address.needs_utf8(reply_to) and not utf8_relay:
        reply_to = ""  # the letter has to arrive; whom to answer stands in its text
    fields = [
        wire.mailbox_field("From", f"สารบรรณ {clean(entry.agency.name)}", central),
        wire.mailbox_field("To", "", recipient),
        *([wire.mailbox_field("Reply-To", "", reply_to)] if reply_to else []),
        wire.field("Subject", _subject(entry, event, findings)),
        wire.field("Date", format_datetime(from_instant(dated).astimezone(BANGKOK))),
        wire.token_field("Message-ID", [message_id]),
        *in_reply_to(event),
        wire.field("Auto-Submitted", "auto-generated"),
        wire.field("X-Auto-Response-Suppress", "All"),
        wire.field("Content-Language", "th"),
    ]
    about = _about_original(entry, letter, findings, attached if with_original else None, unscanned=unscanned)
    said = _text(entry, event, findings, about, reply_to)
    parts = [Part(media_type=TEXT, content=said.encode()), *([attached] if with_original else [])]
    return Mail(
        sender=entry.return_path,
        recipient=recipient,
        message_id=message_id,
        octets=wire.compose(fields, parts, message_id),
        utf8=address.needs_utf8(central, recipient, reply_to),
        eight_bit=with_original and attached.encoding == "8bit",
    )


def _reply_to(event: MailReceived) -> str:
    _, author = address.author(event.lines.from_)
    if author:
        return address.written(author)
    return address.written(event.sender) if event.sender and address.usable(event.sender) else ""


def _subject(entry: Entry, event: MailReceived, findings: Findings | None) -> str:
    subject = header(event.lines.subject, 200) or NO_SUBJECT
    urgency = _sure(findings.particulars.urgency) if findings else None
    mark = f"{clean(urgency, 40)} " if urgency and not subject.startswith(urgency) else ""
    danger = f"[{INFECTED}] " if infected(findings) else ""
    return f"{danger}[{clean(entry.number_text, 60)}] {mark}{subject}"


def _text(
    entry: Entry,
    event: MailReceived,
    findings: Findings | None,
    about_original: list[str],
    reply_to: str,
) -> str:
    name, author = address.author(event.lines.from_)
    said = f"{header(name)} <{author}>" if name and author else author or header(event.lines.from_) or "(ไม่ระบุ)"
    lines = [
        *particulars(entry),
        "",
        f"จาก: {clean(said)}",
        f"ที่อยู่ผู้ส่งตามซองอีเมล: {clean(event.sender) or '(ไม่มี เป็นอีเมลที่ระบบส่งเอง)'}",
        f"เรื่อง: {header(event.lines.subject) or NO_SUBJECT}",
        *_read(findings),
        "",
        f"ผลตรวจลายมือชื่อดิจิทัล: {_verdict(findings)}",
        *_verdicts(findings),
        f"ผลตรวจโดเมนผู้ส่ง: {_origin(event, findings, author or event.sender)}",
        *_warnings(findings),
        "",
        *about_original,
        *([f"ตอบกลับอีเมลฉบับนี้ จะส่งถึงผู้ส่งหนังสือโดยตรงที่ {reply_to}"] if reply_to else []),
        "",
    ]
    return "\r\n".join(lines)


def _read(findings: Findings | None) -> list[str]:
    if findings is None:
        return []
    found = findings.particulars
    lines = []
    for label, particular in (
        ("หนังสือที่", found.letter_number),
        ("ลงวันที่", found.letter_date),
        ("จากหน่วยงาน", found.issuer),
        ("เรียน", found.addressee),
        ("ชั้นความเร็ว", found.urgency),
        ("ผู้ลงนามในหนังสือ", found.signer),
        ("ตำแหน่ง", found.signer_position),
        ("ผู้ส่งขอให้ตอบรับ", found.acknowledgement),
    ):
        value = _sure(particular)
        if value is not None:
            lines.append(f"{label}: {clean(_shown(label, value))}")
    return lines


def _shown(label: str, value: str) -> str:
    if label == "ลงวันที่":
        return _day(value)
    return ACKNOWLEDGEMENTS.get(value, value) if label == "ผู้ส่งขอให้ตอบรับ" else value


def _sure(particular: Particular | None) -> str | None:
    return particular.value if particular is not None and particular.confidence >= SURE else None


def _day(iso: str) -> str:
    try:
        return thai_style.calendar_date(from_instant(f"{iso}T00:00:00+07:00").date())
    except ValueError:
        return iso


def _verdict(findings: Findings | None) -> str:
    """The verdict in one plain sentence."""
    if findings is None:
        return "ยังไม่มีผล เนื่องจากระบบตรวจสอบล่าช้า"
    verdicts = findings.signatures
    if not verdicts:
        encrypted = any(warning.code == "smime_encrypted" for warning in findings.warnings)
        return wording.SEALED_AWAY if encrypted else wording.NO_SIGNATURE
    if len(verdicts) == 1:
        return clean(verdicts[0].explanation, 500)
    counted = [
        (words, sum(1 for verdict in verdicts if verdict.indication == indication))
        for words, indication in (
            ("ผ่าน", "TOTAL-PASSED"),
            ("ยังสรุปไม่ได้", "INDETERMINATE"),
            ("ไม่ผ่าน", "TOTAL-FAILED"),
            ("ไม่มีผล", None),
        )
    ]
    said = " ".join(f"{words} {thai_style.number(count)}" for words, count in counted if count)
    return f"พบลายมือชื่อดิจิทัล {thai_style.number(len(verdicts))} รายการ {said}"


def _verdicts(findings: Findings | None) -> list[str]:
    if findings is None or len(findings.signatures) < 2:
        return []
    return [f"- {clean(verdict.explanation, 500)}" for verdict in findings.signatures[:20]]


def _origin(event: MailReceived, findings: Findings | None, shown: str) -> str:
    domain = address.domain_of(shown)
    if findings is None or findings.authentication is None:
        return "ยังไม่มีผล"
    found = findings.authentication
    results = f"(SPF {clean(found.spf, 20)}, DKIM {clean(found.dkim, 20)}, DMARC {clean(found.dmarc, 20)})"
    if not domain:
        return f"ไม่มีโดเมนผู้ส่งให้ตรวจ {results}"
    proven = found.dmarc == "pass" or (
        gate.proven(event.sender, found) and address.aligned(address.domain_of(event.sender), domain)
    )
    if proven and found.dmarc != "fail":
        return f"ยืนยันได้ว่าส่งจากโดเมน {clean(domain)} {results}"
    return f"ยืนยันไม่ได้ว่าส่งจากโดเมน {clean(domain)} จริง โปรดใช้ความระมัดระวัง {results}"


def _warnings(findings: Findings | None) -> list[str]:
    if findings is None or not findings.warnings:
        return []
    return ["ข้อควรทราบ:", *(f"- {clean(warning.thai, 500)}" for warning in findings.warnings[:50])]


def _about_original(
    entry: Entry, letter: bytes, findings: Findings | None, attached: Part | None, *, unscanned: bool
) -> list[str]:
    digest = f"ขนาด {thai_style.number(len(letter))} ไบต์ SHA-256 {sha256_hex(letter)}"
    malware = infected(findings)
    if malware:
        scanner = f" (ตรวจโดย {clean(findings.scan.scanner)})" if findings and findings.scan else ""
        return [
            f"ต้นฉบับไม่ได้แนบมาด้วย เพราะระบบตรวจพบโปรแกรมประสงค์ร้าย {clean(malware)} ในหนังสือ{scanner}",
            "ต้นฉบับเก็บไว้ในระบบโดยไม่มีการแก้ไข และใบรับที่ออกให้ผู้ส่งระบุผลนี้ไว้ด้วย โปรดติดต่อผู้ส่งให้ส่งหนังสือใหม่",
            f"หากจำเป็นต้องใช้ต้นฉบับ ขอรับจากผู้ดูแลระบบ โดยแจ้งตำแหน่ง {entry.position} ({digest})",
        ]
    if unscanned:
        return [
            "ต้นฉบับไม่ได้แนบมาด้วย เพราะไม่มีผลตรวจหาโปรแกรมประสงค์ร้าย",
            f"ขอรับต้นฉบับจากผู้ดูแลระบบ โดยแจ้งตำแหน่ง {entry.position} ({digest})",
        ]
    if attached is None:
        return [
            "ต้นฉบับไม่ได้แนบมาด้วย เพราะใหญ่เกินกว่าที่เซิร์ฟเวอร์อีเมลปลายทางรับได้",
            f"ขอรับต้นฉบับจากผู้ดูแลระบบ โดยแจ้งตำแหน่ง {entry.position} ({digest})",
        ]
    return [f"ต้นฉบับแนบมาทั้งฉบับโดยไม่มีการแก้ไข: ไฟล์ {attached.filename} ({digest})"]
