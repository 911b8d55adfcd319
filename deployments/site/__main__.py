"""`python -m deployments.site [FD]`: serve the site and the reports of the home at REVIEWS_SITE_PORT."""

from deployments.ports import serve_alone
from deployments.site.app import serve_site

if __name__ == "__main__":
    serve_alone("site", serve_site)
