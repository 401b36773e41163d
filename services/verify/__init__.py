"""Verifies a receipt, alone or with its letter, offline and without any of our running parts."""
