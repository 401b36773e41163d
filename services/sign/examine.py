"""What a letter says and what it is worth: pure, synchronous, for the child process.

Nothing here fails for what is in a letter: every step that cannot be done leaves a warning, and the rest goes on.
After each step the findings so far are handed to `progress`, so that a step that ends the process takes nothing along.
"""

import itertools
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec

from contracts import findings
from contracts.findings import Attachment, Authentication, Findings, Particulars, SignatureVerdict
from contracts.mail import MailReceived
from contracts.values import instant
from services.sign import attachments, body_hash, forwarded, message, particulars, sent_on, step_time, subject_line
from services.sign.fetch_questions import Outside
from services.sign.lines import Line
from services.sign.message import Part
from services.sign.pages import PAGES, Look
from services.sign.particulars import Text
from services.sign.questions import Ask
from services.sign.trust import TrustStore
from services.sign.warnings import Code, warning

PDF_FILES = 20
"""Most PDF files of one letter that are opened."""

Progress = Callable[[Findings, str], None]
"""Takes the findings so far, and the name of what is turned to next."""


def examine_mail(
    octets: bytes,
    *,
    trust: TrustStore,
    now_ns: int,
    software: str,
    received: MailReceived | None = None,
    ask: Ask | None = None,
    look: Look | None = None,
    progress: Progress | None = None,
    outside: Outside | None = None,
) -> Findings:
    """Everything there is to find in a mail. Its sender is judged only with `received`, and `ask` for the DNS.

    What its signatures lack is fetched `outside`, if at all.
    """
    work = _Work(trust, now_ns, software, progress, look, outside)
    taken = message.Message()

    def take_apart() -> None:
        nonlocal taken
        taken = message.read(octets)
        work.subject, work.body, work.parts = taken.subject, taken.text, taken.parts
        work.names = [part.name for part in taken.parts]

    work.step("", take_apart)
    work.step("", work.open_mails)
    if taken.readable:
        work.step("", lambda: work.set_body_hash(octets, taken))
    else:
        work.warn("message_unreadable", detail="no header")
    if taken.left_out:
        work.warn("parts_left_out", detail=taken.left_out)
    for name, reason in taken.unopened:
        work.warn("tnef_not_read", name=name, detail=reason)
    if taken.pgp:
        work.warn("pgp_not_checked")
    work.step("", work.describe)
    if received is not None and ask is not None:
        work.report("authentication")
        work.step("authentication", lambda: work.authenticate(octets, received, ask))
    work.judge_mail(taken)
    work.open_files()
    return work.findings()


def examine_sender(octets: bytes, received: MailReceived, ask: Ask, *, now_ns: int, software: str) -> Findings:
    """Whether the sender is who he says, and nothing else of a mail."""
    work = _Work(TrustStore(), now_ns, software, None, None, None)
    work.step("authentication", lambda: work.authenticate(octets, received, ask))
    return work.findings()


def sender_remarks(found: Authentication, received: MailReceived) -> list[Code]:
    """What the officer has to be told of a sender."""
    said: list[Code] = []
    if "temperror" in (found.spf, found.dkim, found.dmarc):
        said.append("authentication_unfinished")
    if found.dmarc == "fail":
        said.append("dmarc_failed")
    if received.upstream is not None and not received.upstream.address:
        said.append("upstream_unknown")
    return said


def examine_pdf(
    octets: bytes,
    name: str,
    *,
    trust: TrustStore,
    now_ns: int,
    software: str,
    look: Look | None = None,
    progress: Progress | None = None,
    outside: Outside | None = None,
) -> Findings:
    """Everything there is to find in a PDF file by itself."""
    work = _Work(trust, now_ns, software, progress, look, outside)
    work.parts = [Part("application/pdf", name, octets)]
    work.names = [name]
    work.step(name, work.describe)
    work.open_files()
    return work.findings()


class _Work:
    """The findings while they are made."""

    def __init__(
        self,
        trust: TrustStore,
        now_ns: int,
        software: str,
        progress: Progress | None,
        look: Look | None,
        outside: Outside | None,
    ) -> None:
        self._trust, self._now_ns, self._software, self._progress = trust, now_ns, software, progress
        self._look, self._outside = look, outside
        self._pages_left = PAGES
        self._sent_on = sent_on.SentOn([], [])
        self.subject: str | None = None
        self.body = ""
        self.parts: list[Part] = []
        self.names: list[str] = []
        self._texts: list[Text] = []
        self._attachments: tuple[Attachment, ...] = ()
        self._body_sha256: str | None = None
        self._text_sha256: str | None = None
        self._authentication: Authentication | None = None
        self._signatures: list[SignatureVerdict] = []
        self._warnings: dict[tuple[str, str], findings.Warning] = {}

    def warn(self, code: Code, **details: str) -> None:
        """Add a warning; the same one twice is one."""
        self._add(warning(code, **details))

    def _add(self, said: findings.Warning) -> None:
        self._warnings.setdefault((said.code, said.english), said)

    def step(self, name: str, do: Callable[[], None]) -> None:
        """Do one thing; what it cannot do becomes a warning. MemoryError goes on: the process is of no more use."""
        try:
            with step_time.at_most(step_time.STEP_SECONDS):
                do()
        except step_time.StepTimeError:
            self.warn("resource_limit", detail=f"{name or 'message'}: {step_time.STEP_SECONDS:g} s")
        except RecursionError:
            self.warn("resource_limit", detail=f"{name or 'message'}: nested too deep")
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - one odd letter never stops the mailbox; the fault is named and logged
            traceback.print_exc(limit=-8, file=sys.stderr)
            self.warn("examination_failed", name=name or "message", detail=type(error).__name__)

    def report(self, turning_to: str, pending: SignatureVerdict | None = None) -> None:
        """Hand over what is known before something that may end the process."""
        if self._progress is not None:
            self._progress(self.findings(pending), turning_to)

    def set_body_hash(self, octets: bytes, taken: message.Message) -> None:
        self._body_sha256 = body_hash.body_sha256(octets)
        # Where parts were left out, it would be the digest of some of the text.
        self._text_sha256 = None if taken.left_out else taken.text_sha256

    def describe(self) -> None:
        self._attachments, warnings = attachments.describe(self.parts)
        for said in warnings:
            self._add(said)

    def authenticate(self, octets: bytes, received: MailReceived, ask: Ask) -> None:
        # Imported where it is used: the child that looks at files never needs it.
        from services.sign.authentication import authenticate

        self._authentication = authenticate(octets, received, ask)
        for code in sender_remarks(self._authentication, received):
            self.warn(code)

    def judge_mail(self, taken: message.Message) -> None:
        """S/MIME signatures of the mail and of the mails in it."""
        if not taken.may_be_smime:
            return
        from services.sign import smime

        pending: SignatureVerdict | None = smime.unfinished(self._trust)
        self.report("S/MIME", pending)

        def judge() -> None:
            nonlocal pending
            report = smime.judge(taken, self._trust, datetime.fromtimestamp(self._now_ns / 1e9, UTC), self._outside)
            self._signatures += report.verdicts
            for said in report.warnings:
                self._add(said)
            pending = None

        self.step("S/MIME", judge)
        if pending is not None:
            self._signatures.append(pending)

    def open_mails(self) -> None:
        """Mails inside the mail, unless it answers them."""
        if not (self.subject and subject_line.read(self.subject).reply):
            self._sent_on = sent_on.read(self.parts)

    def open_files(self) -> None:
        """Text and signatures of each PDF file."""
        files = [
            (index, part.name, part.octets)
            for index, (part, said) in enumerate(zip(self.parts, self._attachments, strict=False))
            if said.media_type == "application/pdf"
        ]
        files += [(-1, part.name, part.octets) for part in self._forwarded()]
        if len(files) > PDF_FILES:
            self.warn("parts_left_out", detail=f"> {PDF_FILES} PDF")
        for index, name, octets in files[:PDF_FILES]:
            from services.sign import signatures

            pending = signatures.unfinished(name, self._trust) if b"/ByteRange" in octets else None
            self.report(name, pending)
            if index >= 0:  # the text of a forwarded letter is not this letter's
                self.step(name, partial(self._read_text, index, name, octets))
            before = len(self._signatures)
            self.step(name, partial(self._judge, name, octets))
            if pending is not None and len(self._signatures) == before:
                self._signatures.append(pending)
        for part in self._sent_on.files:
            self.report(part.name)
            self.step(part.name, partial(self._read_text, None, part.name, part.octets))
        if self._signatures and not self._trust.anchors:
            self.warn("trust_store_empty")

    def _forwarded(self) -> list[Part]:
        """PDF files inside forwarded messages: their signatures are judged like those of the letter's own files."""
        found: list[Part] = []

        def open_messages() -> None:
            inner, whole = forwarded.pdf_files(self.parts)
            found.extend(inner)
            if not whole:
                self.warn("parts_left_out", detail="forwarded messages")

        self.step("", open_messages)
        return found

    def _read_text(self, index: int | None, name: str, octets: bytes) -> None:
        from services.sign import pdf_text

        try:
            text = pdf_text.read(octets)
        except pdf_text.UnreadablePdfError as error:
            if not error.encrypted:
                return self.warn("pdf_unreadable", name=name, detail=str(error))
            if index is not None:
                known = list(self._attachments)
                known[index] = msgspec.structs.replace(known[index], encrypted=True)
                self._attachments = tuple(known)
            return self.warn("attachment_encrypted", name=name)
        if text.cut:
            self.warn("text_left_out", name=name)
        if not text.lines and text.pages:
            return self._read_pictures(name, octets)
        lines: Sequence[Line] = text.lines
        self._texts.append(Text("ocr" if text.scanned else "pdf", lines))
        return None

    def _read_pictures(self, name: str, octets: bytes) -> None:
        read: list[str] = []
        if self._look is not None:
            from services.sign import pictures

            self.report(name)
            for bitmap in itertools.islice(pictures.render(octets), self._pages_left):
                self._pages_left -= 1
                text = self._look(bitmap)
                if text and text.strip():
                    read.append(text)
            self._texts.append(Text("ocr", pictures.lines(read)))
        self.warn("text_from_scan" if read else "without_text", name=name)

    def _judge(self, name: str, octets: bytes) -> None:
        from services.sign import signatures, verdict_words

        try:
            now = datetime.fromtimestamp(self._now_ns / 1e9, UTC)
            self._signatures += signatures.judge(octets, name, self._trust, now, self._outside)
        except signatures.UnreadableSignatureError as error:
            self._signatures.append(signatures.unfinished(name, self._trust, verdict_words.UNREADABLE))
            self.warn("signature_unreadable", name=name, detail=str(error))
        except signatures.SignatureLimitError as error:
            self.warn("resource_limit", detail=f"{name}: {error}")

    def findings(self, pending: SignatureVerdict | None = None) -> Findings:
        """Everything found so far."""
        read, warnings = Particulars(), list[findings.Warning]()

        def read_particulars() -> None:
            nonlocal read, warnings
            read, warnings = particulars.read(self.subject, self.body, self._texts, self.names, self._sent_on.mails)

        self.step("particulars", read_particulars)
        return Findings(
            particulars=read,
            signatures=(*self._signatures, *([pending] if pending else [])),
            authentication=self._authentication,
            attachments=self._attachments,
            body_sha256=self._body_sha256,
            text_sha256=self._text_sha256,
            warnings=(*self._warnings.values(), *warnings),
            judged_at=instant(self._now_ns),
            software=self._software,
        )
