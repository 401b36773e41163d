"""Fuzzing of the ingress: generated sessions, a reference written from the RFCs, and a comparison of both with MAIL."""
