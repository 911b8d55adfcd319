"""The site: pages for people, an overview and a page a movie, offline in a folder of the home. The entry is `writing`.

Reads the published copy. Matplotlib and Jinja are imported only when pages are made.
"""
