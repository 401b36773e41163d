"""Letters for tests: PDF files as an agency would make them, and mails with them."""

import json
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import typst

import services.sign

DATA = Path(__file__).parent / "data" / "letters"
FONTS = Path(services.sign.__path__[0]) / "fonts"

_PLAIN = """
#set page(paper: "a4", margin: 2.5cm)
#set text(font: "Sarabun", size: 14pt, lang: "th")
#for line in json(bytes(sys.inputs.lines)) { if line.trim() == "" { v(6pt) } else { par(line) } }
"""


def letter_text(name: str) -> str:
    """The text of one of the two real letters: `opdc-w56` or `opdc-w75`."""
    return (DATA / f"{name}.txt").read_text(encoding="utf-8")


def letter_pdf(text: str) -> bytes:
    """A PDF of the text, a paragraph a line, in the Sarabun font."""
    return typst_pdf(_PLAIN, lines=json.dumps(text.split("\n"), ensure_ascii=False))


def typst_pdf(source: str, **inputs: str) -> bytes:
    """A PDF of any typst source."""
    options: dict[str, Any] = {"font_paths": [str(FONTS)], "ignore_system_fonts": True, "sys_inputs": inputs}
    octets = typst.compile(source.encode(), **options)
    assert isinstance(octets, bytes)
    return octets


def letter_mail(
    pdf: bytes | None,
    sender: str,
    recipient: str,
    subject: str,
    *,
    name: str = "หนังสือ.pdf",
    body: str = "เรียน เจ้าหน้าที่สารบรรณ\n\nขอส่งหนังสือตามไฟล์แนบ\n",
    message_id: str | None = None,
    date: datetime | None = None,
) -> bytes:
    """The octets of a mail with the PDF attached, as they go over SMTP (CRLF)."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = subject
    if date is not None:
        mail["Date"] = format_datetime(date)
    if message_id is not None:
        mail["Message-ID"] = message_id
    mail.set_content(body)
    if pdf is not None:
        mail.add_attachment(pdf, maintype="application", subtype="pdf", filename=name)
    return mail.as_bytes()
