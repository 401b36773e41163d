"""REGISTER again from MAIL and ORDERS: whether it says what they give, and what is missing in it written back."""
