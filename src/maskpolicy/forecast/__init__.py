"""What a study will cost, before anything of it runs, and what it cost. A light room: rules ask it."""
