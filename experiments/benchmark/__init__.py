"""The benchmark that one cites: a frozen protocol, the cells of one method under it, its submission, and the leaderboard.

BENCHMARK.md says what is measured and how; v1.json is the protocol, and its sha256 stands beside every number made under it.
"""
