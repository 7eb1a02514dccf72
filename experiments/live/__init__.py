"""`fibercut live`: a page that shows a running experiment, with buttons to cut and mend.

`watch` reads what a trial shows in its folder, `board` keeps it for the browsers, `server`
answers them. See docs/how-to/watch-and-cut.md.
"""
