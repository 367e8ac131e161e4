"""The page and the API behind it: what a browser or a program asks for becomes tunes, whole or note by note.

`phin/web/static/` is the page itself, which also draws without a server.
"""
