"""A corpus of signed PDF files, each with one property and the clause that decides it: see README.md."""
