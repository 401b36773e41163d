"""Proves the invariants from the streams alone, or says which one is broken and where."""
