"""FINDINGS: what a letter says and what its signatures are worth, and the sealed receipt.

Verdicts are those of ETSI EN 319 102-1 clause 5.1.3: an indication and, where it is not TOTAL-PASSED, a
sub-indication, never a boolean.
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from contracts.event import Event, Position
from contracts.receipt import Receipt
from contracts.values import BuddhistYear, Digest, Instant, MailId, Number, Series

Source = Annotated[
    Literal["subject", "body", "pdf", "filename", "ocr"],
    Meta(description="Where a particular was read."),
]
Confidence = Annotated[
    float, Meta(ge=0, le=1, description="1: the form is unmistakable. An invented value is worse than none.")
]


class Particular(Struct, frozen=True, kw_only=True):
    """One value read from the letter, as written there."""

    value: Annotated[str, Meta(min_length=1)]
    source: Source
    confidence: Confidence


class Reference(Struct, frozen=True, kw_only=True):
    """A letter that this one refers to (อ้างถึง)."""

    number: str | None
    date: Annotated[str | None, Meta(description="ISO 8601 date, CE.")]
    text: Annotated[str, Meta(description="The reference as written.")]
    source: Source
    confidence: Confidence


class Particulars(Struct, frozen=True, kw_only=True):
    """The parts of an official letter (DOMAIN: forms). None or empty where the letter does not say."""

    letter_number: Annotated[Particular | None, Meta(description="ที่ …, in the digits of the letter.")] = None
    letter_number_ascii: Annotated[
        Particular | None, Meta(description="The same for matching: NFC, ASCII digits, single spaces.")
    ] = None
    letter_date: Annotated[Particular | None, Meta(description="ISO 8601 date, CE.")] = None
    urgency: Annotated[Particular | None, Meta(description="ด่วน, ด่วนมาก, ด่วนที่สุด or ด่วนภายใน ….")] = None
    secrecy: Annotated[Particular | None, Meta(description="ลับ, ลับมาก or ลับที่สุด.")] = None
    issuer: Particular | None = None
    subject: Particular | None = None
    addressee: Particular | None = None
    references: tuple[Reference, ...] = ()
    enclosures: tuple[Particular, ...] = ()
    signer: Annotated[
        Particular | None, Meta(description="Who signed: the name that stands in brackets, without them.")
    ] = None
    signer_position: Annotated[
        Particular | None,
        Meta(description="The signer's position below the name, with whom he acts for (ปฏิบัติราชการแทน …)."),
    ] = None
    telephones: tuple[Particular, ...] = ()
    emails: tuple[Particular, ...] = ()
    acknowledgement: Annotated[
        Particular | None,
        Meta(description="How the sender wants the receipt of the letter acknowledged: `electronic` or `paper`."),
    ] = None


class Holder(Struct, frozen=True, kw_only=True):
    """For whom a certificate was issued, as its subject and its alternative names say; empty where they do not."""

    common_name: str = ""
    organisation: str = ""
    organisation_id: Annotated[str, Meta(description="organizationIdentifier (2.5.4.97), such as NTRTH-….")] = ""
    units: Annotated[tuple[str, ...], Meta(description="OU, in the order of the subject.")] = ()
    country: str = ""
    email_domains: Annotated[
        tuple[str, ...], Meta(description="Domains, A-labels, of its e-mail addresses (subject and SAN).")
    ] = ()


class SignatureVerdict(Struct, frozen=True, kw_only=True):
    """What one signature is worth, technically, as of `judged_at` of the findings."""

    kind: Literal["pdf", "smime"]
    part: Annotated[str, Meta(description="Name of the attachment that carries it; empty for the message itself.")]
    field: Annotated[str, Meta(description="Name of the PDF signature field; empty for S/MIME.")] = ""
    indication: Annotated[
        Literal["TOTAL-PASSED", "INDETERMINATE", "TOTAL-FAILED"] | None,
        Meta(description="None: no verdict could be asked for, since no trust store is configured."),
    ]
    sub_indication: Annotated[
        str | None, Meta(description="EN 319 102-1 table 5 and 6, such as NO_CERTIFICATE_CHAIN_FOUND.")
    ]
    signer: Annotated[str | None, Meta(description="Subject of the signing certificate.")]
    issuer: str | None
    signed_at: Annotated[Instant | None, Meta(description="Claimed, or proven by a time-stamp: see time_source.")]
    time_source: Literal["claimed", "timestamp", "unknown"]
    coverage: Literal["whole", "earlier revision", "changed afterwards", "unknown"]
    trust_store: Annotated[str, Meta(description="Version of the trust store asked; `empty` says that there is none.")]
    explanation: Annotated[str, Meta(description="The plain Thai sentence an officer reads.")]
    covers: Annotated[
        Literal["", "message", "part"],
        Meta(
            description="S/MIME: whether all content of the mail (of the one that `part` names) was signed, or content "
            "stands outside the signed part: coverage is then `earlier revision` where that is no more than a short "
            "text below it, such as a mailing list's footer, else `changed afterwards`. Empty for PDF, and if unknown."
        ),
    ] = ""
    addresses: Annotated[
        tuple[str, ...],
        Meta(description="S/MIME: the e-mail addresses in the signing certificate (RFC 8550 section 3)."),
    ] = ()
    holder: Annotated[
        Holder | None, Meta(description="The certificate's subject in its parts; null where none was read.")
    ] = None
    revision: Annotated[
        int | None, Meta(description="Revision of the PDF file that this signature made and covers, from 1.")
    ] = None
    revisions: Annotated[int | None, Meta(description="Revisions that the PDF file has altogether.")] = None
    level: Annotated[
        Literal["B-B", "B-T", "B-LT", "B-LTA"] | None,
        Meta(
            description="PAdES baseline level by what the file carries (EN 319 142-1 clause 6), whether or not the "
            "verdict is good; None: no baseline signature, or broken."
        ),
    ] = None


class DnsAnswer(Struct, frozen=True, kw_only=True):
    """What the DNS said to one question, as it was used."""

    name: Annotated[
        str, Meta(description="A-labels, lower case; `*` stands where an SPF macro put the sender's local part.")
    ]
    type: Annotated[str, Meta(description="A, AAAA, MX, PTR or TXT.")]
    status: Annotated[
        str,
        Meta(
            description="answered, nodata, nxdomain; without an answer: timeout, servfail, unreachable, or limit (the "
            "letter asked for more than one letter may)."
        ),
    ]
    records: Annotated[
        tuple[str, ...], Meta(description="As text; the octets of TXT as Latin-1, the strings of a record joined.")
    ] = ()
    cut: Annotated[bool, Meta(description="Records were left out, or shortened.")] = False
    authentic: Annotated[bool, Meta(description="The resolver says that DNSSEC proves it (AD, RFC 4035).")] = False


class Authentication(Struct, frozen=True, kw_only=True):
    """Results by RFC 8601: pass, fail, none, neutral, softfail, temperror, permerror, policy."""

    spf: str = "none"
    spf_domain: str = ""
    dkim: str = "none"
    dkim_domains: Annotated[tuple[str, ...], Meta(description="Domains whose signature passed.")] = ()
    dmarc: str = "none"
    arc: str = "none"
    author_domain: Annotated[
        str, Meta(description="Domain of the one From line that DMARC was judged for, A-labels; empty: there is none.")
    ] = ""
    dmarc_policy: Annotated[
        str, Meta(description="What that domain asks for (p, or sp of its parent): none, quarantine, reject; or empty.")
    ] = ""
    arc_domain: Annotated[
        str, Meta(description="Domain of the newest ARC-Seal, where the chain passes: who vouches for arc_results.")
    ] = ""
    arc_results: Annotated[
        tuple[str, ...],
        Meta(
            description="What it says the letter had shown to it, `spf=pass`, `dkim=fail`, …: a claim, worth what the "
            "domain is worth."
        ),
    ] = ()
    judged_at: Annotated[Instant | None, Meta(description="When the DNS was asked for these results.")] = None
    tries: Annotated[int, Meta(ge=0, description="How often it was asked until then; 0: not noted.")] = 0
    evidence: Annotated[
        tuple[DnsAnswer, ...], Meta(description="The DNS answers that the results rest on, 16 KiB at most.")
    ] = ()
    evidence_cut: Annotated[bool, Meta(description="Answers beyond that were left out.")] = False


class Attachment(Struct, frozen=True, kw_only=True):
    """One file in the letter, after decoding its transfer encoding: the sender's own copy has the same octets."""

    name: str
    media_type: Annotated[str, Meta(description="By content where that can be told, otherwise as declared.")]
    size: Annotated[int, Meta(ge=0)]
    sha256: Digest
    encrypted: bool
    inside: Annotated[
        str, Meta(description="Name of the attachment it was taken out of, such as winmail.dat; empty: of the letter.")
    ] = ""
    save_as: Annotated[
        str,
        Meta(
            description="Name to save it under: no file system refuses it, no other file of the letter has it. Empty: "
            "`name` does."
        ),
    ] = ""


class Scan(Struct, frozen=True, kw_only=True):
    """What the malware scanner said of the letter's octets as they are stored."""

    outcome: Annotated[
        Literal["clean", "infected", "not_scanned"],
        Meta(description="infected: the letter is numbered and kept, and goes to nobody."),
    ]
    malware: Annotated[
        str, Meta(description="What was found, by the scanner's name for it; empty if not infected.")
    ] = ""
    reason: Annotated[
        str, Meta(description="Why not scanned: too_large, unreachable, too_slow or failed; otherwise empty.")
    ] = ""
    scanner: Annotated[
        str, Meta(description="Program, version and date of its signatures, as it says; empty: it did not answer.")
    ] = ""
    scanned_at: Instant


class Warning(Struct, frozen=True, kw_only=True):  # noqa: A001 - the field's own word; the builtin is not needed here
    """Something the officer should know, by code and in both languages."""

    code: Annotated[str, Meta(pattern=r"^[a-z_]+$")]
    thai: str
    english: str


class Findings(Struct, frozen=True, kw_only=True):
    """What `sign` found in a letter, and what `saraban examine` prints for a file."""

    file: Annotated[str | None, Meta(description="Name of the examined file; None for a letter from MAIL.")] = None
    particulars: Particulars
    signatures: tuple[SignatureVerdict, ...] = ()
    authentication: Authentication | None = None
    attachments: tuple[Attachment, ...] = ()
    body_sha256: Annotated[
        Digest | None, Meta(description="SHA-256 of the body in DKIM relaxed form (RFC 6376 section 3.4.4).")
    ] = None
    text_sha256: Annotated[
        Digest | None,
        Meta(
            description="SHA-256 over the SHA-256, raw, of each text part (text/plain and text/html that are no "
            "attachments) in order, its transfer encoding undone, without space, tab, CR and LF: it outlives a relay "
            "that encodes anew or wraps lines."
        ),
    ] = None
    warnings: tuple[Warning, ...] = ()
    scan: Annotated[Scan | None, Meta(description="None: no scanner is configured, or the letter was not in MAIL.")] = (
        None
    )
    judged_at: Instant
    software: str


class LetterExamined(Event, tag="sign.examined.v1", frozen=True, kw_only=True):
    """The letter was looked at: particulars, signatures, authentication, attachments."""

    stream: ClassVar[str] = "FINDINGS"
    form: ClassVar[str] = "sign.v1.examined.{agency}"
    key_form: ClassVar[str] = "{position}"
    occurred: ClassVar[str] = "findings.judged_at"

    mail: MailId
    position: Position
    series: Series
    year: BuddhistYear
    number: Number
    findings: Findings


class ReceiptSealed(Event, tag="sign.receipt.v1", frozen=True, kw_only=True):
    """The one final receipt of an entry: the JSON, and the PDF to read, which has that JSON embedded and is sealed."""

    stream: ClassVar[str] = "FINDINGS"
    form: ClassVar[str] = "sign.v1.receipt.{agency}"
    key_form: ClassVar[str] = "{position}"
    occurred: ClassVar[str] = "receipt.issued_at"

    mail: MailId
    position: Position
    receipt: Receipt
    pdf: Annotated[bytes, Meta(description="Base64 on the wire. PDF/A-3, one PAdES signature over everything.")]


class CheckpointSealed(Event, tag="sign.checkpoint.v1", frozen=True, kw_only=True):
    """The head of a book, signed and time-stamped: nothing before it can be changed unseen.

    A head that no time-stamping authority answered for in time is published without a token; when one answers, the
    same head follows once more with the same signature and its token, unless a newer head has taken its place.
    """

    stream: ClassVar[str] = "FINDINGS"
    form: ClassVar[str] = "sign.v1.checkpoint.{agency}.{series}.{year}"
    key_form: ClassVar[str] = "{agency}:{series}:{year}:{sequence}:{length}:{state}"
    occurred: ClassVar[str] = "signed_at"

    series: Series
    year: BuddhistYear
    sequence: Annotated[int, Meta(ge=1, description="Stream sequence of the book's newest message.")]
    length: Annotated[int, Meta(ge=1, description="Messages in the book's chain up to and with it.")]
    link: Digest
    signed_at: Instant
    signature: Annotated[
        bytes, Meta(description="CMS SignedData, detached, over the 32 octets of `link`; base64 on the wire.")
    ]
    token: Annotated[
        bytes | None,
        Meta(
            description="RFC 3161 TimeStampToken over the octets of `signature` (the whole CMS); None if no TSA "
            "answered yet, or none is configured."
        ),
    ]

    @property
    def state(self) -> str:
        """`stamped` with a token, else `signed`: a head may be published once as each."""
        return "signed" if self.token is None else "stamped"
