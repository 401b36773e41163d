"""Signed mails, one property each, with the clause that decides it: cases.py; who disagrees: README.md."""
