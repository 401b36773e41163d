"""The chain of a book (invariant 7): link(n) = SHA-256(link(n-1) ‖ SHA-256(body(n))), raw 32-octet digests."""

import hashlib


def first_link(book: str) -> str:
    """The link before the first message: SHA-256 of the book's subject, hex."""
    return hashlib.sha256(book.encode("ascii")).hexdigest()


def next_link(previous: str, body: bytes) -> str:
    """The link of a message whose body octets, as stored, are `body`; `previous` and the result are hex."""
    return hashlib.sha256(bytes.fromhex(previous) + hashlib.sha256(body).digest()).hexdigest()
