"""The study: its configuration, checked as a whole, and the plan of what it needs."""
