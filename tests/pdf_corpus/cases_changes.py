"""What was done to a file after it was signed: permitted, forbidden, hidden."""

from collections.abc import Callable
from typing import Any

from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec
from pyhanko.sign.signers.cms_embedder import SigMDPSetup

from tests.pdf_corpus import documents as d
from tests.pdf_corpus import octets
from tests.pdf_corpus.case import BROKEN, NOT_CHECKED, Case, Expected, World, failed, passed, removed, unclear
from tests.pdf_corpus.making import certified, locked

LATER, CHANGED = "earlier revision", "changed afterwards"
Change = Callable[[Any], None]


def signed(w: World, *, form: bool = False, mdp: SigMDPSetup | None = None, streams: bool = False) -> bytes:
    return w.maker.sign(d.plain(form=form, xref_streams=streams), w.who["Plain"], mdp=mdp)


def then(
    *changes: Change, form: bool = False, mdp: SigMDPSetup | None = None, streams: bool = False
) -> Callable[[World], bytes]:
    """Signed, then changed, one revision each."""

    def make(w: World) -> bytes:
        pdf = signed(w, form=form, mdp=mdp, streams=streams)
        for change in changes:
            pdf = d.update(pdf, change)
        return pdf

    return make


def again(mdp: SigMDPSetup | None, *, form: bool = False) -> Callable[[World], bytes]:
    """Signed, then signed by somebody else."""
    return lambda w: w.maker.sign(signed(w, form=form, mdp=mdp), w.who["Plain-Second"], field="Second")


def changed(revision: str = "2/3") -> tuple[Expected, ...]:
    """The signed revision is good; what is shown is another."""
    return (passed(CHANGED, revision),)


def forbidden(revision: str = "2/3") -> tuple[Expected, ...]:
    """The signature itself says that this must not be done."""
    return (unclear("SIG_CONSTRAINTS_FAILURE", CHANGED, revision),)


def permitted(revision: str = "2/3") -> tuple[Expected, ...]:
    return (passed(LATER, revision),)


def lock(*names: str, action: FieldMDPAction = FieldMDPAction.INCLUDE, permission: int | None = None) -> SigMDPSetup:
    return locked(FieldMDPSpec(action, list(names) or None), permission)


def framed(numbers: str) -> Callable[[World], bytes]:
    """Signed, with other numbers in the signature's /ByteRange."""
    return lambda w: octets.with_ranges(signed(w), numbers)


def hidden_then_shown(w: World) -> bytes:
    """The signed file already holds the other page, which nothing shows; later the page tree names it."""
    pdf = d.update(d.plain(), d.hide_page)
    return d.update(w.maker.sign(pdf, w.who["Plain"]), d.show_hidden_page)


ISO = "ISO 32000-2 12.8.2.2"
CERTIFIED = (
    Case("certified-1", f"{ISO}, table 257", lambda w: signed(w, mdp=certified(1)), (passed(),)),
    Case("certified-2", f"{ISO}, table 257", lambda w: signed(w, mdp=certified(2)), (passed(),)),
    Case("certified-3", f"{ISO}, table 257", lambda w: signed(w, mdp=certified(3)), (passed(),)),
    Case(
        "certified-1-filled",
        f"5.2.8, {ISO}: nothing is permitted",
        then(d.fill("Reply", "yes"), form=True, mdp=certified(1)),
        forbidden(),
    ),
    Case(
        "certified-2-filled",
        f"{ISO}: forms may be filled",
        then(d.fill("Reply", "yes"), form=True, mdp=certified(2)),
        permitted(),
    ),
    Case(
        "certified-3-filled",
        f"{ISO}: forms may be filled",
        then(d.fill("Reply", "yes"), form=True, mdp=certified(3)),
        permitted(),
    ),
    Case(
        "certified-1-signed-again",
        f"5.2.8, {ISO}: nothing is permitted",
        again(certified(1)),
        (
            unclear("SIG_CONSTRAINTS_FAILURE", CHANGED, "2/3"),
            passed("whole", "3/3"),
        ),
    ),
    Case(
        "certified-2-signed-again",
        f"{ISO}: signing is permitted",
        again(certified(2)),
        (
            passed(LATER, "2/3"),
            passed("whole", "3/3"),
        ),
    ),
    Case(
        "certified-1-store-added",
        f"{ISO}: validation data is no change",
        lambda w: w.maker.add_dss(signed(w, mdp=certified(1)), w.who["Signer"]),
        permitted(),
    ),
    Case(
        "certified-1-time-stamped",
        f"{ISO}: a document time-stamp is no change",
        lambda w: w.maker.stamp(signed(w, mdp=certified(1))),
        (passed(LATER, "2/3", "B-T", "timestamp"), passed("whole", "3/3", None, "timestamp")),
    ),
    Case(
        "certified-2-commented",
        f"5.2.8, {ISO}: comments are not permitted",
        then(d.annotate("/Text"), mdp=certified(2)),
        forbidden(),
    ),
    Case(
        "certified-3-commented",
        f"{ISO} permits it; deviation COMMENTS",
        then(d.annotate("/Text"), mdp=certified(3)),
        forbidden(),
    ),
    Case(
        "certified-3-covered-by-a-stamp",
        f"5.2.8, {ISO}: what is below is hidden",
        then(d.annotate("/Stamp"), mdp=certified(3)),
        forbidden(),
    ),
    Case("certified-2-text-replaced", f"5.2.8, {ISO}", then(d.replace_text, mdp=certified(2)), forbidden()),
    Case("certified-3-page-added", f"5.2.8, {ISO}", then(d.add_page, mdp=certified(3)), forbidden()),
    Case(
        "certified-permissions-taken-away",
        f"5.2.8, {ISO}",
        then(d.drop_permissions, mdp=certified(1)),
        forbidden(),
    ),
)

LOCKS = (
    Case(
        "lock-named-field-filled",
        "5.2.8, ISO 32000-2 12.8.2.4",
        then(d.fill("Reply", "no"), form=True, mdp=lock("Reply")),
        forbidden(),
    ),
    Case(
        "lock-other-field-filled",
        "ISO 32000-2 12.8.2.4",
        then(d.fill("Note", "ok"), form=True, mdp=lock("Reply")),
        permitted(),
    ),
    Case(
        "lock-all-filled",
        "5.2.8, ISO 32000-2 12.8.2.4",
        then(d.fill("Note", "ok"), form=True, mdp=lock(action=FieldMDPAction.ALL)),
        forbidden(),
    ),
    Case(
        "lock-all-but-one-filled",
        "ISO 32000-2 12.8.2.4",
        then(d.fill("Note", "ok"), form=True, mdp=lock("Note", action=FieldMDPAction.EXCLUDE)),
        permitted(),
    ),
    Case(
        "lock-all-but-another-filled",
        "5.2.8, ISO 32000-2 12.8.2.4",
        then(d.fill("Reply", "ok"), form=True, mdp=lock("Note", action=FieldMDPAction.EXCLUDE)),
        forbidden(),
    ),
)

UPDATES = (
    Case(
        "form-filled",
        "5.3.4, ISO 32000-2 12.8.2.2: no permissions stated",
        then(d.fill("Reply", "yes"), form=True),
        permitted(),
    ),
    Case(
        "form-filled-then-signed",
        "5.3.4",
        lambda w: w.maker.sign(then(d.fill("Reply", "yes"), form=True)(w), w.who["Plain-Second"], field="Second"),
        (passed(LATER, "2/4"), passed("whole", "4/4")),
    ),
    Case(
        "description-changed",
        "5.3.4: the document's information dictionary shows nothing",
        then(d.describe),
        permitted(),
    ),
    Case("text-replaced", "5.1.4: other content than was signed", then(d.replace_text), changed()),
    Case(
        "text-replaced-then-signed-by-another",
        "5.1.4",
        lambda w: w.maker.sign(then(d.replace_text)(w), w.who["Plain-Second"], field="Second"),
        (passed(CHANGED, "2/4"), passed("whole", "4/4")),
    ),
    Case("text-added", "5.1.4", then(d.add_content), changed()),
    Case("page-turned", "5.1.4", then(d.rotate), changed()),
    Case("page-cropped", "5.1.4", then(d.crop), changed()),
    Case("page-added", "5.1.4", then(d.add_page), changed()),
    Case("page-changed-and-changed-back", "5.1.4", then(d.rotate, d.rotate), changed("2/4")),
    Case("text-replaced-in-object-streams", "5.1.4", then(d.replace_text, streams=True), changed()),
    Case("comment-added", "5.1.4", then(d.annotate("/Text")), changed()),
    Case("script-added", "5.1.4", then(d.script), changed()),
    Case("file-attached", "5.1.4", then(d.attach), changed()),
)

SHADOW = (
    Case("shadow-replace-pages", "5.1.4", then(d.swap_pages), changed()),
    Case("shadow-replace-font", "5.1.4", then(d.new_font), changed()),
    Case("shadow-hide-by-stamp", "5.1.4", then(d.annotate("/Stamp")), changed()),
    Case("shadow-hide-by-text-box", "5.1.4", then(d.annotate("/FreeText")), changed()),
    Case("shadow-hide-by-layer", "5.1.4", then(d.hide_layer), changed()),
    Case("shadow-hide-and-replace", "5.1.4: hidden objects come to light", hidden_then_shown, changed("3/4")),
    Case("shadow-hide-by-widget", "5.1.4", then(d.annotate("/Widget")), changed()),
)

EXCLUSION = (
    Case(
        "form-misnamed",
        "5.2.2: no field names the signature that the file shows",
        lambda w: signed(w).replace(b"/AcroForm", b"/AcroFrom"),
        (NOT_CHECKED,),
    ),
    Case("form-removed", "5.2.2: the file once had a signature", then(d.drop_form), (removed("2/3"),)),
    Case("fields-removed", "5.2.2: the file once had a signature", then(d.drop_fields), (removed("2/3"),)),
    Case(
        "field-emptied",
        "5.2.2: the file once had a signature",
        then(d.empty_field),
        (removed("2/3"),),
    ),
    Case(
        "signature-removed-then-signed",
        "5.2.2",
        lambda w: w.maker.sign(then(d.drop_fields)(w), w.who["Plain-Second"], field="Second"),
        (removed("2/4"), passed("whole", "4/4")),
    ),
    Case(
        "ranges-removed-later",
        "5.2.2: universal signature forgery",
        then(d.signature_entry("/ByteRange", None)),
        (BROKEN,),
    ),
    Case(
        "container-removed-later",
        "5.2.2: universal signature forgery",
        then(d.signature_entry("/Contents", None)),
        (BROKEN,),
    ),
    Case(
        "ranges-replaced-later",
        "5.2.2: universal signature forgery",
        then(d.signature_entry("/ByteRange", d.Array([d.Integer(0), d.Integer(0), d.Integer(0), d.Integer(0)]))),
        (failed("HASH_FAILURE", "unknown", "3/3"),),
    ),
    Case(
        "sub-filter-replaced-later",
        "5.2.2",
        then(d.signature_entry("/SubFilter", pdf_name("/example"))),
        (NOT_CHECKED,),
    ),
    Case(
        "reason-added-later",
        "5.1.4: the signature's own words were changed",
        then(d.signature_entry("/Reason", d.Text("approved"))),
        (unclear("SIGNED_DATA_NOT_FOUND", "unknown", "3/3", None),),
    ),
    Case("copied-field", "5.1.4", then(d.second_field), (passed(CHANGED, "2/3"), passed(CHANGED, "2/3"))),
)


FRAMES = (
    Case("no-ranges", "5.2.2: universal signature forgery", lambda w: octets.without_ranges(signed(w)), (BROKEN,)),
    *(
        Case(
            f"ranges-{name}",
            "5.2.2, EN 319 142-1 5.3",
            framed(text),
            (BROKEN,),
        )
        for name, text in {
            "empty": "",
            "one-number": "0",
            "three-numbers": "0 10 20",
            "negative": "0 -10 20 30",
            "negative-start": "-5 10 20 30",
            "overlapping": "0 500 400 100",
            "six-numbers": "0 10 20 10 40 10",
            "names": "/A /B /C /D",
            "reals": "0 10.5 20.5 30",
        }.items()
    ),
    Case(
        "ranges-of-nothing",
        "5.2.7",
        lambda w: octets.with_ranges(signed(w), "0 0 0 0"),
        (failed("HASH_FAILURE", "unknown"),),
    ),
    Case(
        "ranges-beyond-the-end",
        "5.2.7",
        lambda w: octets.with_ranges(signed(w), "0 9 9999999999 1"),
        (failed("HASH_FAILURE", "unknown"),),
    ),
    Case(
        "bit-changed-in-the-text",
        "5.2.7",
        lambda w: octets.turned(signed(w), b"stream\n", 5),
        (failed("HASH_FAILURE"),),
    ),
    Case(
        "bit-changed-in-the-signed-tail",
        "5.2.7",
        lambda w: octets.turned(signed(w), b"/Filter /Adobe.PPKLit", 0),
        (failed("HASH_FAILURE"),),
    ),
    Case(
        "octets-appended", "5.1.4: octets that no signature covers", lambda w: signed(w) + b"% more\n", changed("2/2")
    ),
    Case("line-end-appended", "5.1.4", lambda w: signed(w) + b"\n", (passed(),)),
    Case(
        "objects-appended-without-table",
        "5.1.4: incremental saving attack",
        lambda w: signed(w) + b"\n1 0 obj\n<</Type/Catalog>>\nendobj\n",
        changed("2/2"),
    ),
    Case("another-file-appended", "5.1.4", lambda w: signed(w) + d.plain(("Pay Mallory",)), (NOT_CHECKED,)),
    Case(
        "octets-before-the-header",
        "5.2.7: every place in the file has moved",
        lambda w: b"% more\n" + signed(w),
        (NOT_CHECKED,),
    ),
    Case(
        "wrapped",
        "5.1.4: signature wrapping",
        lambda w: octets.wrapped(signed(w), b"/Adobe.PPKLite", b"/Adobe.PPKMite"),
        (unclear("SIGNED_DATA_NOT_FOUND", "unknown", "2/2", None),),
    ),
    Case("cut-off", "5.2.2", lambda w: signed(w)[:-400], (NOT_CHECKED,)),
)

CASES = (*CERTIFIED, *LOCKS, *UPDATES, *SHADOW, *EXCLUSION, *FRAMES)
