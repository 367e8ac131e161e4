"""The tune and the instrument: files to phrases and back, the six lai, the neck and the hand, how it sounds and looks.

A musician can read it: no torch is needed here.
"""
