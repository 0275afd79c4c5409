"""Plans and findings as workbooks, written whole or not at all."""
