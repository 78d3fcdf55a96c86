"""What a study will cost, before anything of it runs, and what it cost; rules ask it, too."""
