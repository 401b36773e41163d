"""The SMTP ingress: says 250 when a letter is kept, and not before."""
