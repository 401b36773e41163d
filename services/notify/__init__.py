"""Sends: the receipt to the sender, the letter to the agency's mailbox, alerts; and says so when it could not."""
