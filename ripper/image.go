package ripper
