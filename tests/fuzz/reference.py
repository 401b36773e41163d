"""What a server may answer to a session, by the RFCs and by the dialogues' promises; it uses no code of ours.

It walks over the octets that a client sent with the replies that came. Each command takes one reply; what the reply
says moves the state on, and where the RFCs leave no choice the reply is checked. Where the letters end, what their
octets are and whether they must be taken or refused is never left to the server.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.fuzz import letters, mailboxes
from tests.fuzz.answers import Answer, has_its_status

SIZE: Final = 1_000_000
ERRORS: Final = 25
RECIPIENTS: Final = 100
LINE_OCTETS: Final = 4_096
PATIENCE: Final = 2
"""Beyond so many times SIZE nobody waits for a letter's end."""

_FOREIGN: Final = re.compile(rb"(?:GET|POST|PUT|HEAD|OPTIONS|CONNECT) |[A-Z][A-Z0-9-]*:", re.IGNORECASE)
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
_BDAT: Final = re.compile(rb"([0-9]{1,20})(?: +LAST)?", re.IGNORECASE)
_XTEXT: Final = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2}){1,100}")
_NOTIFY: Final = re.compile(r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2}", re.IGNORECASE)


@dataclass(frozen=True)
class Letter:
    """A letter that was, or may have been, taken."""

    agencies: frozenset[str]
    octets: bytes


@dataclass
class Verdict:
    """What the walk found."""

    problems: list[str] = field(default_factory=list)
    kept: list[Letter] = field(default_factory=list)
    """Answered 250: each must be in MAIL, in this order."""
    perhaps: list[Letter] = field(default_factory=list)
    """Sent to their end, and the client did not hear the reply."""
    unsure: bool = False
    """The client left at a command whose reply the RFCs leave open: what it sent behind that is not foreseen."""
    taken: int = 0
    """Octets of the stream that the session came to."""


@dataclass
class Transaction:
    """Between MAIL and the letter's end."""

    utf8: bool
    agencies: set[str] = field(default_factory=set)
    recipients: int = 0
    chunks: bytes | None = None
    refused: bool = False


class Ended(Exception):  # noqa: N818 - no error: there is nothing more to walk over
    """The session is over."""


class Unsure(Exception):  # noqa: N818 - no error: the client did not hear how it went on
    """Nobody can tell how the session went on."""


class Walk:
    """One session."""

    def __init__(self, stream: bytes, answers: list[Answer], *, cut: bool) -> None:
        self.verdict = Verdict()
        self._stream = stream
        self._answers = answers
        self._cut = cut
        self._at = 0
        self._next = 0
        self._errors = 0
        self._greeted = False
        self._transaction: Transaction | None = None
        self._line = b""

    def over(self) -> Verdict:
        """Walk to the end."""
        try:
            greeting = self._answer(greets=True)
            if greeting is not None and greeting.code != 220:
                self._wrong("the greeting", greeting)
            while True:
                self._command()
        except Ended:
            pass
        except Unsure:
            self.verdict.unsure = True
        if self._next < len(self._answers):
            self._wrong("a reply to nothing", self._answers[self._next])
        self.verdict.taken = self._at
        return self.verdict

    def _wrong(self, what: str, answer: Answer | None) -> None:
        self.verdict.problems.append(f"octet {self._at}, {self._line[:80]!r}: {what}: {answer or 'no reply'}")

    def _answer(self, *, greets: bool = False) -> Answer | None:
        """The next reply; None where the client left before it could hear it."""
        if self._next == len(self._answers):
            if self._cut:
                return None
            self._wrong("no reply", None)
            raise Ended
        answer = self._answers[self._next]
        self._next += 1
        if not has_its_status(answer, greets=greets):
            self._wrong("no enhanced code", answer)
        if answer.code >= 500:
            self._errors += 1
        if answer.code == 451 or (answer.code == 421 and answer.status not in ("4.7.0", "4.3.2")):
            self._wrong("a fault of the server", answer)
        return answer

    # --- commands -----------------------------------------------------------------------------------------------------

    def _command(self) -> None:
        end = self._stream.find(b"\n", self._at) + 1
        if not end:
            raise Ended
        self._line = line = self._stream[self._at : end]
        self._at = end
        if len(line) > LINE_OCTETS:
            self._refused("an over-long line")
        elif _FOREIGN.match(line):
            self._end_with(421)
        elif not line.endswith(b"\r\n"):
            self._refused("a line that does not end with CRLF")
        else:
            verb, _, argument = line[:-2].partition(b" ")
            command = _COMMANDS.get(verb.upper())
            if command is None:
                self._refused("no command")
            elif _CONTROL.search(argument.strip(b" \t")) and verb.upper() != b"BDAT":
                self._refused("control octets in a command")
            else:
                command(self, argument.strip(b" \t"))
        if self._errors > ERRORS:
            self._end_with(421)

    def _refused(self, what: str) -> None:
        answer = self._answer()
        if answer is not None and answer.code < 500:
            self._wrong(f"{what} must be refused", answer)

    def _end_with(self, *codes: int) -> None:
        answer = self._answer()
        if answer is not None and answer.code not in codes:
            self._wrong(f"{codes} and the end", answer)
        raise Ended

    def _decided(self, good: bool, bad: bool) -> bool:
        """Whether the next reply is 2xx; `good`: it must be, `bad`: it must not be."""
        answer = self._answer()
        if answer is None:
            if good == bad:
                raise Unsure
            return good
        taken = answer.code < 400
        if taken and bad:
            self._wrong("must not be taken", answer)
        if not taken and good:
            self._wrong("must be taken", answer)
        return taken

    def ehlo(self, argument: bytes) -> None:
        """RFC 5321 section 4.1.1.1, with HELO."""
        answer = self._answer(greets=True)
        if answer is None:
            if argument and not re.fullmatch(rb"[A-Za-z.]+", argument):
                raise Unsure
            taken = bool(argument)
        else:
            taken = answer.code == 250
        if taken and not argument:
            self._wrong("no name", answer)
        if not taken and re.fullmatch(rb"[A-Za-z.]+", argument):
            self._wrong("must be taken", answer)
        if taken:
            self._greeted, self._transaction = True, None

    def mail(self, argument: bytes) -> None:
        """RFC 5321 section 4.1.1.2."""
        said = mailboxes.read(argument, b"FROM:")
        utf8 = said is not None and "SMTPUTF8" in said.words
        bad = not self._greeted or self._transaction is not None
        bad = bad or said is None or (not argument.isascii() and not utf8)
        good = not bad and said is not None and (said.path is None or said.path.plain) and _mail_words(said.words)
        if said is not None and said.words.get("SIZE", "").isdigit():
            bad = bad or int(said.words["SIZE"]) > SIZE
        if self._decided(good, bad):
            self._transaction = Transaction(utf8)

    def rcpt(self, argument: bytes) -> None:
        """RFC 5321 section 4.1.1.3."""
        transaction = self._transaction
        said = mailboxes.read(argument, b"TO:")
        owner = said.path.owner if said is not None and said.path is not None else None
        bad = transaction is None or transaction.chunks is not None or owner is None
        bad = bad or (not argument.isascii() and transaction is not None and not transaction.utf8)
        good = not bad and said is not None and said.path is not None and said.path.plain and _rcpt_words(said.words)
        good = good and transaction is not None and transaction.recipients < RECIPIENTS
        if self._decided(good, bad) and transaction is not None and owner is not None:
            transaction.agencies.add(owner)
            transaction.recipients += 1

    def rset(self, argument: bytes) -> None:
        """RFC 5321 section 4.1.1.5."""
        if self._decided(not argument, bool(argument)):
            self._transaction = None

    def noop(self, argument: bytes) -> None:
        """RFC 5321 section 4.1.1.9, with HELP."""
        self._decided(good=True, bad=False)

    def vrfy(self, argument: bytes) -> None:
        """RFC 5321 section 3.5.3."""
        self._decided(bool(argument), not argument)

    def quit(self, argument: bytes) -> None:
        """RFC 5321 section 4.1.1.10."""
        if argument:
            self._refused("QUIT has no argument")
        else:
            self._end_with(221)

    def starttls(self, argument: bytes) -> None:
        """No session here has a handshake: it ends, and nothing that was sent in clear is obeyed."""
        if argument:
            self._refused("STARTTLS has no argument")
        else:
            self._end_with(220, 503)

    # --- letters ------------------------------------------------------------------------------------------------------

    def data(self, argument: bytes) -> None:
        """RFC 5321 section 4.1.1.4."""
        transaction = self._transaction
        may = not argument and transaction is not None and transaction.chunks is None and transaction.recipients > 0
        answer = self._answer()
        begun = may if answer is None else answer.code == 354
        if begun != may:
            self._wrong("must be 354" if may else "must not be 354", answer)
        if not begun or transaction is None:
            if self._next == len(self._answers):
                raise Unsure if self._cut else Ended  # closed: more had come, and none of it may be obeyed
            return
        found = letters.of_data(self._stream[self._at :])
        if found is None:
            if len(self._stream) - self._at > PATIENCE * SIZE:
                self._end_with(552)
            self._at = len(self._stream)
            raise Ended
        wire, octets = found
        self._at += octets
        letter = letters.unstuffed(wire)
        self._conclude(transaction, letter, refused=letters.lone_dot(wire))

    def _conclude(self, transaction: Transaction, letter: bytes, *, refused: bool) -> None:
        self._transaction = None
        refused = refused or len(letter) > SIZE or letters.loops(letter)
        answer = self._answer()
        made = Letter(frozenset(transaction.agencies), letter)
        if answer is None:
            if not refused:
                self.verdict.perhaps.append(made)
        elif refused and answer.code < 500:
            self._wrong("a wrong 250", answer)
        elif not refused and answer.code != 250:
            self._wrong("a letter that must be taken", answer)
        if answer is not None and answer.code == 250:
            self.verdict.kept.append(made)

    def bdat(self, argument: bytes) -> None:
        """RFC 3030 section 2."""
        asked = _BDAT.fullmatch(argument)
        if asked is None:
            self._end_with(501)
        assert asked is not None
        if int(asked[1]) > PATIENCE * SIZE:
            self._end_with(552)
        octets, last = int(asked[1]), asked[0].upper().endswith(b"LAST")
        chunk = self._stream[self._at : self._at + octets]
        self._at += len(chunk)
        if len(chunk) < octets:
            raise Ended
        transaction = self._transaction
        if transaction is None:
            self._refused("BDAT without MAIL")
            return
        if transaction.chunks is None and not transaction.recipients:
            transaction.refused = True
        transaction.chunks = (transaction.chunks or b"") + chunk
        transaction.refused |= len(transaction.chunks) > SIZE
        if last:
            smuggled = letters.lone_dot_in_chunks(transaction.chunks)
            self._conclude(transaction, transaction.chunks, refused=transaction.refused or smuggled)
        elif transaction.refused:
            self._refused("a chunk of a refused letter")
        else:
            # A smuggled letter may be refused as soon as that is seen, or at its end.
            smuggled = letters.lone_dot(transaction.chunks.removesuffix(b"\r"))
            if not self._decided(good=not smuggled, bad=False) and smuggled:
                transaction.refused = True


def _mail_words(words: dict[str, str]) -> bool:
    """Whether each parameter is one that must be taken."""
    for name, value in words.items():
        match name:
            case "SIZE":
                good = bool(re.fullmatch(r"[0-9]{1,20}", value)) and int(value) <= SIZE
            case "BODY":
                good = value.upper() in ("7BIT", "8BITMIME")
            case "SMTPUTF8":
                good = not value
            case "RET":
                good = value.upper() in ("FULL", "HDRS")
            case "ENVID":
                good = _XTEXT.fullmatch(value) is not None
            case _:
                good = False
        if not good:
            return False
    return True


def _rcpt_words(words: dict[str, str]) -> bool:
    for name, value in words.items():
        match name:
            case "NOTIFY":
                good = _NOTIFY.fullmatch(value) is not None
            case "ORCPT":
                good = re.fullmatch(r"rfc822;(?:[!-*,-<>-~]|\+[0-9A-F]{2}){1,200}", value) is not None
            case _:
                good = False
        if not good:
            return False
    return True


_COMMANDS: Final[dict[bytes, Callable[[Walk, bytes], None]]] = {
    b"EHLO": Walk.ehlo,
    b"HELO": Walk.ehlo,
    b"MAIL": Walk.mail,
    b"RCPT": Walk.rcpt,
    b"DATA": Walk.data,
    b"BDAT": Walk.bdat,
    b"RSET": Walk.rset,
    b"NOOP": Walk.noop,
    b"HELP": Walk.noop,
    b"VRFY": Walk.vrfy,
    b"QUIT": Walk.quit,
    b"STARTTLS": Walk.starttls,
}
