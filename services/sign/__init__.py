"""sign: examines each letter in a walled child process, and seals the receipt that answers it."""
