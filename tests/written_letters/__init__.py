"""Official letters written from the rules of correspondence alone, and how well their particulars are read.

Whoever wrote the letters and their expected particulars had not seen the parser; README.md says how it stays so.
"""
