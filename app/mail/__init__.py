"""Mail: letters that wait in the store are sent by SMTP, or written to a folder where there is none."""
