"""Runs side by side, from their folders alone: settings, bits, and paired differences on the same tunes."""
