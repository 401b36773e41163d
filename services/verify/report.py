"""What a verification found: findings one by one, and what follows from them."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

FORM: Final = "saraban.verification.v1"

Status = Literal["proven", "contradicted", "not known"]
Verdict = Literal["proven", "contradicted", "unknown", "unreadable"]

EXIT: Final[dict[Verdict, int]] = {"proven": 0, "contradicted": 1, "unknown": 2, "unreadable": 3}


class Said(Struct, frozen=True):
    """The same in both languages."""

    thai: str
    english: str


CAVEAT: Final = Said(
    "เป็นผลตรวจทางเทคนิค ณ เวลาที่ตรวจ มิใช่การรับรองความสมบูรณ์ตามกฎหมาย",
    "This is a technical result as of now, no statement of what holds in law.",
)
"""What no report may leave out (DOMAIN: words of the receipt)."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was checked: one sentence."""

    code: Annotated[str, Meta(description="What was checked, and how it came out: seal_chain_unknown.")]
    about: Annotated[str, Meta(description="seal, test, page, row, deemed, link, head, token, letter or pair.")]
    status: Status
    needed: Annotated[bool, Meta(description="Whether the receipt is proven only if this is.")]
    sentence: Said
    by: Annotated[Said | None, Meta(description="By what it is proven or contradicted.")] = None
    receipt: Annotated[int, Meta(description="1 or 2: the receipt it speaks of.")] = 1


class Subject(Struct, frozen=True, kw_only=True):
    """One of the receipts that were verified."""

    file: str
    agency: str
    register_number: str
    sealed_by: Annotated[str | None, Meta(description="As the seal's certificate says; None without a seal.")]


class Report(Struct, frozen=True, kw_only=True):
    """The outcome."""

    form: str = FORM
    verdict: Verdict
    said: Annotated[Said, Meta(description="What is proven, in one plain sentence.")]
    receipts: tuple[Subject, ...] = ()
    findings: tuple[Finding, ...] = ()
    caveat: Said = CAVEAT

    @property
    def exit_code(self) -> int:
        """0 proven, 1 contradicted, 2 intact but unknown or test seal, 3 unreadable."""
        return EXIT[self.verdict]


def verdict(findings: list[Finding]) -> Verdict:
    """What follows: one contradiction outweighs everything, and what is needed has to be proven."""
    if any(one.status == "contradicted" for one in findings):
        return "contradicted"
    return "unknown" if any(one.status == "not known" and one.needed for one in findings) else "proven"
