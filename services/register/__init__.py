"""register: every letter gets its series, its deemed time and its number, once, in order, without a gap."""
