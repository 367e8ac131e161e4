"""What is said of models and tunes: bits per note and measures, each with its interval, beside baselines."""
