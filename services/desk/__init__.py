"""What an officer works with: the printed book, the search in it, dates as officers write them."""
