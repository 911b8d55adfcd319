"""The site: pages for people, an overview and a page a movie, made when they are asked for. The entry is `pages`.

Reads the published copy. Matplotlib and Jinja are imported only when pages are made.
"""
