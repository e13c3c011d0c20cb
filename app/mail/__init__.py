"""Sends the letters that wait in the store by SMTP, or writes them to a folder if there is no mail server."""
