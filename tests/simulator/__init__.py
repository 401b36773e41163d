"""The numbering core under every schedule of crashes, delays and races that a seed can make: `make prove`.

Start with `schedule.py`, which says what can happen, and `oracle.py`, which says what must hold all the same.
"""
