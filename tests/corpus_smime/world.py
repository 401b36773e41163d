"""Everybody who signs in the corpus; made once for all its mails."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.corpus_smime import mails
from tests.corpus_smime.people import CRL_URL, person, rsa_key, subordinate
from tests.corpus_smime.signing import By, signed
from tests.pki import Authority, Identity, make_root, make_signer

DAY = timedelta(days=1)


@dataclass
class World:
    """A root that is trusted, one that is not, and people with the certificates that the cases need."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    root: Authority = field(default_factory=make_root)
    stranger_root: Authority = field(default_factory=lambda: make_root("Unknown Root"))

    def __post_init__(self) -> None:
        root, now = self.root, self.now
        long = rsa_key()
        self.below = subordinate(root)
        self.me = person(root)
        self.rsa = person(root, key=long)
        self.short = person(root, key=rsa_key(1024))
        self.second = person(root, "นายที่สอง", emails=["second@dga.example"])
        self.expired = person(root, begins=now - 400 * DAY, ends=now - 2 * DAY)
        self.future = person(root, begins=now + 2 * DAY, ends=now + 400 * DAY)
        self.declared = person(root, crl_url=CRL_URL)
        self.stranger = person(self.stranger_root)
        self.of_below = person(self.below)
        self.for_keys = person(root, usage=["key_encipherment"])
        self.for_clients = person(root, purposes=[ExtendedKeyUsageOID.CLIENT_AUTH])
        self.for_any = person(root, purposes=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
        self.without_purpose = person(root, purposes=None)
        self.without_usage = person(root, usage=None)
        self.nameless = person(root, emails=[])
        self.by_subject = person(root, emails=[], subject_email=mails.SENDER)
        self.thai = person(root, emails=[], mailboxes=["สมใจ@dga.example"])
        self.domain = person(root, emails=["somjai@xn--l3cfg9ap1osa4e.example"])
        self.other = person(root, emails=["other@elsewhere.example"])
        self.stamper = make_signer(root, "TSA", timestamping=True, key=long, not_before=now - 9 * DAY)
        self.own = person(root, itself=True)
        self.forged = person(Authority(root.certificate, rsa_key()))
        """Names the root as its issuer, and was signed by another key."""

    def detached(self, content: bytes = mails.text(), who: Identity | None = None, **options: object) -> bytes:
        """The usual multipart/signed of this content."""
        digest = str(options.get("digest", "sha256"))
        return mails.detached(content, self.cms(content, who, **options), micalg=digest.replace("sha", "sha-"))

    def cms(self, content: bytes, who: Identity | None = None, **options: object) -> bytes:
        """The usual detached signature over this content."""
        return signed(content, By(who=who or self.me, **options))  # type: ignore[arg-type]  # By says what fits

    def opaque(self, content: bytes = mails.text(), who: Identity | None = None, **options: object) -> bytes:
        """The usual signature with this content in it."""
        return signed(content, By(who=who or self.me, **options), carries=content)  # type: ignore[arg-type]  # the same
