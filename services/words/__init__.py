"""What several services say the same way: Thai dates, a receipt's sentences, who is on duty, header lines as text."""
