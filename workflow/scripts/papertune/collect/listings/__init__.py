"""Listers of documents: services, sites and local files."""
