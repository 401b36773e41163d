"""The letters of the TOML files, and the mails they become."""

import tomllib
import zlib
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal, get_args

from tests.letters import letter_mail, letter_text
from tests.written_letters import makers
from tests.written_letters.paper import BodyStyle, PaperLine, lines, mail_text, plain

FOLDER = Path(__file__).parent

Form = Literal["subject", "body", "shaped", "unshaped", "damaged", "whole"]
"""How a letter is sent: as a Subject line alone, pasted into a mail, as a PDF of either maker or a harmed one under a
Subject that says nothing, and with Subject line and shaped PDF together."""
FORMS: tuple[Form, ...] = get_args(Form)

SAYS_NOTHING = ("ขอส่งหนังสือ", "ส่งหนังสือราชการ", "ส่งเอกสารตามไฟล์แนบ", "หนังสือราชการ")
"""Subjects under which clerks send a file: no letter's subject, but written by the sender."""
STYLES: tuple[BodyStyle, ...] = get_args(BodyStyle)
_SENDER, _RECIPIENT = "clerk@agency.example.go.th", "saraban@demo.localhost"


@dataclass(frozen=True)
class WrittenLetter:
    """One letter with what is to be read from it."""

    id: str
    mail: str
    paper: list[PaperLine]
    expect: dict[str, Any]
    line: dict[str, Any]
    """What the Subject line carries; `true` for the value of the paper."""
    body: str | None = None
    about: str = ""
    tolerated: dict[str, list[Any]] = field(default_factory=dict)
    """Values that are neither asked for nor an invention, by field; `*` for any."""
    tolerated_line: dict[str, list[Any]] = field(default_factory=dict)
    tolerated_body: dict[str, list[Any]] = field(default_factory=dict)
    expect_body: dict[str, Any] = field(default_factory=dict)

    @property
    def forms(self) -> tuple[Form, ...]:
        """A mail that is no letter has no paper."""
        return FORMS if self.paper else ("subject", "body")

    @property
    def index(self) -> int:
        """Decides style, damage and Subject; another letter beside it changes nothing."""
        return zlib.crc32(self.id.encode())

    @property
    def neutral(self) -> str:
        return SAYS_NOTHING[self.index % len(SAYS_NOTHING)]

    @property
    def damage(self) -> makers.Damage:
        return makers.DAMAGES[self.index % len(makers.DAMAGES)]

    @property
    def style(self) -> BodyStyle:
        return STYLES[self.index % len(STYLES)]

    def variant(self, form: Form) -> str:
        """The style or damage of the form, where it has one."""
        if form == "body":
            return self.style if self.body is None else "typed"
        return self.damage if form == "damaged" else ""

    def expected(self, form: Form) -> dict[str, Any]:
        """The particulars by field; what is missing must not be found."""
        if form == "subject":
            return {name: self.expect[name] if value is True else value for name, value in self.line.items()}
        expected = {name: value for name, value in self.expect.items() if name not in ("tolerated", "alternatives")}
        if form == "body":
            return {name: value for name, value in {**expected, **self.expect_body}.items() if value != "none"}
        if form == "whole":  # Subject line and paper may say it differently: either will do.
            for name, value in self.expected("subject").items():
                known = expected.get(name, [])
                expected[name] = _listed(known) + [item for item in _listed(value) if item not in _listed(known)]
        return expected

    def octets(self, form: Form, style: BodyStyle | None = None, damage: makers.Damage | None = None) -> bytes:
        """The mail in this form; pasted in this style, or harmed so, instead of its own."""
        if form == "subject":
            return letter_mail(None, _SENDER, _RECIPIENT, self.mail, body="\n")
        if form == "body":
            return self._pasted(style or self.style)
        pdf = makers.shaped(self.paper) if form in ("shaped", "whole") else b""
        pdf = pdf or makers.unshaped(self.paper, (damage or self.damage) if form == "damaged" else None)
        subject = self.mail if form == "whole" else self.neutral
        return letter_mail(pdf, _SENDER, _RECIPIENT, subject, name="scan0001.pdf")

    def _pasted(self, style: BodyStyle) -> bytes:
        if self.body is not None:
            return letter_mail(None, _SENDER, _RECIPIENT, self.neutral, body=self.body.lstrip("\n"))
        text = mail_text(self.paper, style)
        if style != "html":
            return letter_mail(None, _SENDER, _RECIPIENT, self.neutral, body=text)
        mail = EmailMessage(policy=policy.SMTP)
        mail["From"], mail["To"], mail["Subject"] = _SENDER, _RECIPIENT, self.neutral
        mail.set_content(text, subtype="html")
        return mail.as_bytes()


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def letters() -> list[WrittenLetter]:
    """Every letter, in the order of the files' names."""
    entries = [
        entry
        for path in sorted(FOLDER.glob("*.toml"))
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["letter"]
    ]
    return [_letter(entry) for entry in entries]


def _letter(entry: dict[str, Any]) -> WrittenLetter:
    entry = dict(entry)
    paper = lines(entry.pop("paper")) if "paper" in entry else []
    if "file" in entry:
        paper = plain(letter_text(entry.pop("file")))
    expect = entry["expect"]
    tolerated = {**entry.pop("tolerated", {}), **expect.get("tolerated", {})}
    return WrittenLetter(paper=paper, tolerated=tolerated, **entry)
