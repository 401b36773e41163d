"""`python -m tests.written_letters [--form F] [--letter ID] [--every]`: the table, and everything that is not right."""

import argparse

from tests.written_letters.corpus import FORMS
from tests.written_letters.run import read_all

arguments = argparse.ArgumentParser(prog="python -m tests.written_letters", description=__doc__)
arguments.add_argument("--form", choices=FORMS, help="this form only")
arguments.add_argument("--letter", default="", help="the letters only whose id begins so")
arguments.add_argument("--every", action="store_true", help="paste in every style, harm in every way")
wanted = arguments.parse_args()
score = read_all(wanted.form, wanted.letter, every=wanted.every)
print(score.table())
print(f"\n{len(score.misses)} not right, of them {len(score.invented)} invented:\n")
for miss in sorted(score.misses, key=lambda miss: (not miss.invented, miss.field, miss.letter, miss.form)):
    print(f"- {miss}")
