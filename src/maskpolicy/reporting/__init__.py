"""Reporting: result tables and pictures for people, in the formats that they work with."""
