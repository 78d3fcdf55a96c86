from support.site_fixtures import results, site

__all__ = ["results", "site"]
