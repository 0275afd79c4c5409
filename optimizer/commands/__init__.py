"""One module per command; each opens, calls one library function, and prints. No logic lives here."""
