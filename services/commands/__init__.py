"""The words of the command line, a file each, and what `saraban up` is made of."""
