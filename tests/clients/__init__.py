"""Real mail programs hand letters to a real ingress: what is stored is what they sent."""
